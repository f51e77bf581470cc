#!/bin/sh
# write-report.sh FILE TEXT — writes the text whole or not at all, and says where it is, as JSON.
. "$(dirname "$0")/prelude.sh"
file=$1
case $file in
  /*) ;;
  *) file=$(pwd)/$file ;;
esac
[ -d "$file" ] && fail "is a directory: $file"
mkdir -p "${file%/*}" || fail "cannot create ${file%/*}"
printf '%s\n' "$2" >"$file.new" && mv -f "$file.new" "$file" || fail "cannot write $file"
REPORT=$file awk -v bytes="$(wc -c <"$file")" "$AWK"' BEGIN { printf "{\"path\":%s,\"bytes\":%d}\n", json(ENVIRON["REPORT"]), bytes }'
