#!/bin/sh
# todos.sh REPO — lines that carry a TODO, FIXME, XXX or HACK, by file, as JSON.
. "$(dirname "$0")/prelude.sh"
open_repo "$1"
# git grep ends with 1 when nothing matches; that is an answer, not a failure.
if [ -n "$tree" ]; then
  git_read grep -I -c -w -E -e 'TODO|FIXME|XXX|HACK' "$tree" --
else
  git_read grep -I -c -w -E --cached -e 'TODO|FIXME|XXX|HACK' --
fi | awk "$AWK"'
{
  n = $0; sub(/.*:/, "", n)
  p = $0; sub(/:[0-9]+$/, "", p); sub(/^HEAD:/, "", p); sub(/^"HEAD:/, "\"", p)
  total += n; files++; keep(p, n)
}
END { printf "{\"total\":%d,\"files\":%d,\"worst\":%s}\n", total, files, list(10, "path") }'
