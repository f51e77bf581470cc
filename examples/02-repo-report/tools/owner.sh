#!/bin/sh
# owner.sh REPO PATH — who made how many of the last 500 commits to one file, as JSON.
. "$(dirname "$0")/prelude.sh"
open_repo "$1"
[ -n "$tree" ] || fail "the repository has no commits"
git_read log -n 500 --no-merges --format='%aN' "$tree" -- "$2" | FILE=$2 awk "$AWK"'
{ n++; keep($0, 1); if (!($0 in seen)) { seen[$0] = 1; authors++ } }
END {
  if (n == 0) exit 1
  top = ""
  for (k in KEPT) if (top == "" || KEPT[k] > KEPT[top] || (KEPT[k] == KEPT[top] && k < top)) top = k
  printf "{\"path\":%s,\"commits\":%d,\"authors\":%d,\"owner\":%s,\"share\":%d}\n", json(ENVIRON["FILE"]), n, authors, json(top), int(100 * KEPT[top] / n + 0.5)
}' || fail "no commit touches $2"
