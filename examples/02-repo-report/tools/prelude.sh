# What the workers of this example share: a known environment, opening the repository, lists of its files, JSON.
# Sourced, not run. Needs a POSIX shell, git and awk; nothing else.

# A worker starts with an empty environment, and so should a script that parses what other programs print.
PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}
LC_ALL=C
GIT_OPTIONAL_LOCKS=0
export PATH LC_ALL GIT_OPTIONAL_LOCKS
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
set -u

# fail MESSAGE — the reason goes to standard error, where the run's diagnostic takes it from.
fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

# open_repo PATH — everything below reads this repository. Sets $repo and $tree (HEAD, or nothing before the first commit).
open_repo() {
  command -v git >/dev/null 2>&1 || fail "git is not installed"
  repo=$1
  [ -d "$repo" ] || fail "no such directory: $repo"
  git_read rev-parse --git-dir >/dev/null || fail "not a git repository: $repo"
  if git_read rev-parse --quiet --verify 'HEAD^{commit}' >/dev/null 2>&1; then
    # From the top, so that paths mean the same wherever inside the repository we were pointed to.
    top=$(git_read rev-parse --show-toplevel 2>/dev/null) && [ -n "$top" ] && repo=$top
    tree=HEAD
  else
    tree=
  fi
}

# git_read ARGS — git on that repository, without running anything that its configuration may name.
git_read() {
  git --literal-pathspecs -c safe.directory='*' -c core.fsmonitor=false -c core.quotePath=true \
    -c log.showSignature=false -c diff.external= -C "$repo" "$@" </dev/null
}

# blobs — "bytes<TAB>path" of every tracked regular file; paths quoted as git quotes them, so one a line.
blobs() {
  if [ -n "$tree" ]; then
    git_read ls-tree -r "$tree" | awk -F '\t' '{ split($1, f, " "); if (f[1] ~ /^100/) print f[3] " " substr($0, length($1) + 2) }'
  else
    git_read ls-files -s | awk -F '\t' '{ split($1, f, " "); if (f[1] ~ /^100/) print f[2] " " substr($0, length($1) + 2) }'
  fi | git -c safe.directory='*' -C "$repo" cat-file --batch-check='%(objectsize) %(rest)' | awk '{ n = $1; sub(/^[^ ]* /, ""); print n "\t" $0 }'
}

# line_counts — "lines<TAB>path" of every tracked file; "-" for the lines of a binary one.
line_counts() {
  empty=$(git_read hash-object -t tree /dev/null)
  if [ -n "$tree" ]; then
    git_read diff --numstat --no-renames --no-ext-diff --no-textconv "$empty" "$tree" --
  else
    git_read diff --cached --numstat --no-renames --no-ext-diff --no-textconv "$empty" --
  fi | awk '{ n = $1; sub(/^[^\t]*\t[^\t]*\t/, ""); print n "\t" $0 }'
}

# Awk functions, put before each program: json(s) quotes any bytes as valid JSON, path(s) undoes git's quoting,
# language(p) names the language of a path or gives "" for what is not source text, is_test(p) guesses from the path.
AWK='
function setup(  i, pairs, n, kv) {
  for (i = 1; i < 256; i++) ORD[sprintf("%c", i)] = i
  n = split("rs=Rust c=C h=C cc=C++ cpp=C++ cxx=C++ hpp=C++ hh=C++ go=Go py=Python rb=Ruby js=JavaScript mjs=JavaScript cjs=JavaScript " \
    "jsx=JavaScript ts=TypeScript tsx=TypeScript java=Java kt=Kotlin kts=Kotlin scala=Scala swift=Swift m=Objective-C cs=C# fs=F# " \
    "php=PHP pl=Perl pm=Perl lua=Lua r=R jl=Julia hs=Haskell ml=OCaml mli=OCaml ex=Elixir exs=Elixir erl=Erlang clj=Clojure dart=Dart " \
    "zig=Zig nim=Nim sh=Shell bash=Shell zsh=Shell fish=Shell ps1=PowerShell sql=SQL vue=Vue svelte=Svelte html=HTML css=CSS scss=CSS " \
    "flow=Flow pest=Pest proto=Protobuf tf=Terraform nix=Nix el=Lisp lisp=Lisp scm=Scheme vim=Vim asm=Assembly s=Assembly " \
    "md=Markdown rst=reST tex=TeX json=JSON yaml=YAML yml=YAML toml=TOML xml=XML", pairs, " ")
  for (i = 1; i <= n; i++) { split(pairs[i], kv, "="); LANG[kv[1]] = kv[2] }
  n = split("Markdown reST TeX JSON YAML TOML XML HTML CSS", pairs, " ")
  for (i = 1; i <= n; i++) PROSE[pairs[i]] = 1
}
function json(s,  i, c, o, n, j, out, ok) {
  out = ""
  for (i = 1; i <= length(s); i++) {
    c = substr(s, i, 1); o = ORD[c]
    if (c == "\"" || c == "\\") out = out "\\" c
    else if (o < 32) out = out sprintf("\\u%04x", o)
    else if (o < 128) out = out c
    else {
      n = (o >= 194 && o <= 223) ? 1 : (o >= 224 && o <= 239) ? 2 : (o >= 240 && o <= 244) ? 3 : 0
      ok = n > 0
      for (j = 1; j <= n; j++) { c = ORD[substr(s, i + j, 1)]; if (c < 128 || c > 191) ok = 0 }
      c = ORD[substr(s, i + 1, 1)]
      if ((o == 224 && c < 160) || (o == 237 && c > 159) || (o == 240 && c < 144) || (o == 244 && c > 143)) ok = 0
      if (ok) { out = out substr(s, i, n + 1); i += n } else out = out "\\ufffd"
    }
  }
  return "\"" out "\""
}
function path(s,  i, c, out) {
  if (substr(s, 1, 1) != "\"") return s
  out = ""
  for (i = 2; i < length(s); i++) {
    c = substr(s, i, 1)
    if (c != "\\") { out = out c; continue }
    i++; c = substr(s, i, 1)
    if (c ~ /[0-3]/) { out = out sprintf("%c", c * 64 + substr(s, i + 1, 1) * 8 + substr(s, i + 2, 1)); i += 2 }
    else if (c == "n") out = out "\n"
    else if (c == "t") out = out "\t"
    else if (c == "r") out = out "\r"
    else if (c == "a") out = out "\007"
    else if (c == "b") out = out "\010"
    else if (c == "f") out = out "\014"
    else if (c == "v") out = out "\013"
    else out = out c
  }
  return out
}
function language(p,  name, ext) {
  name = p; sub(/.*\//, "", name); sub(/"$/, "", name)
  if (name ~ /^(Makefile|GNUmakefile)$/) return "Make"
  if (name ~ /^Dockerfile/) return "Docker"
  if (name !~ /\./) return ""
  ext = name; sub(/.*\./, "", ext)
  return LANG[tolower(ext)]
}
function is_test(p) {
  return p ~ /(^|\/)(tests?|specs?|__tests__|testing|testdata|fixtures|benches|fuzz)\// || \
    p ~ /(^|\/)test_[^\/]*$/ || p ~ /[._-](test|tests|spec)\.[A-Za-z0-9]+"?$/ || p ~ /(Test|Tests|Spec)\.(java|kt|scala|cs|php|swift)$/
}
# keep(k, v) adds v to what is counted under k; list(limit, field) takes the largest of them out again, as JSON.
function keep(k, v) { KEPT[k] += v }
function list(limit, field,  n, k, top, out) {
  out = ""
  for (n = 0; n < limit; n++) {
    top = ""
    for (k in KEPT) if (top == "" || KEPT[k] > KEPT[top] || (KEPT[k] == KEPT[top] && k < top)) top = k
    if (top == "") break
    out = out (n ? "," : "") "{\"" field "\":" json(path(top)) ",\"count\":" KEPT[top] "}"
    delete KEPT[top]
  }
  return "[" out "]"
}
BEGIN { setup() }
'
