#!/bin/sh
# history.sh REPO [LIMIT] — who changed what in the last LIMIT commits (2000 by default), as JSON.
. "$(dirname "$0")/prelude.sh"
open_repo "$1"
limit=${2:-2000}
# How many authors, most active first, made half of the commits: the "bus factor".
program='
$1 == "F" { exists[substr($0, 3)] = 1; next }
/^\001/ { split($0, head, "\001"); commits++; author[head[2]]++; if (commits == 1) last = head[3]; first = head[3]; next }
NF >= 3 {
  p = $0; sub(/^[^\t]*\t[^\t]*\t/, "", p)
  changed += $1 + $2
  if (p in exists) keep(p, 1)
}
END {
  half = commits / 2; seen = 0; bus = 0; out = ""
  while (1) {
    top = ""
    for (a in author) if (top == "" || author[a] > author[top] || (author[a] == author[top] && a < top)) top = a
    if (top == "") break
    authors++
    if (authors <= 10) out = out (authors > 1 ? "," : "") "{\"name\":" json(top) ",\"count\":" author[top] "}"
    if (seen < half) { bus++; seen += author[top] }
    delete author[top]
    if (authors > 2000) break
  }
  printf "{\"commits\":%d,\"complete\":%s,\"first\":%s,\"last\":%s,\"lines_changed\":%.0f,\"bus_factor\":%d,\"authors\":[%s],\"author_count\":%d,\"hot\":%s}\n",
    commits, (commits < limit ? "true" : "false"), (commits ? json(first) : "null"), (commits ? json(last) : "null"),
    changed, bus, out, authors, list(10, "path")
}'
{
  blobs | awk '{ sub(/^[^\t]*\t/, ""); print "F\t" $0 }'
  if [ -n "$tree" ]; then
    git_read log -n "$limit" --no-merges --no-renames --numstat --no-ext-diff --no-textconv --format='%x01%aN%x01%as' "$tree" --
  fi
} | awk -F '\t' -v limit="$limit" "$AWK$program"
