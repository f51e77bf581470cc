#!/bin/sh
# blobs.sh REPO [BYTES] — binary files, and files larger than BYTES (512 KiB by default), as JSON.
. "$(dirname "$0")/prelude.sh"
open_repo "$1"
{
  line_counts | awk '$1 == "-" { print "L\t" $0 }'
  blobs | awk '{ print "B\t" $0 }'
} | awk -F '\t' -v large="${2:-524288}" "$AWK"'
{ p = substr($0, length($1) + length($2) + 3) }
$1 == "L" { binary[p] = 1; next }
{ if (p in binary) { binaries++; binary_bytes += $2 }
  if ($2 > large) { big++; big_bytes += $2; keep(p, $2) } }
END { printf "{\"binaries\":%d,\"binary_bytes\":%.0f,\"large\":%d,\"large_bytes\":%.0f,\"largest\":%s}\n", binaries, binary_bytes, big, big_bytes, list(10, "path") }'
