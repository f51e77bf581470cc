#!/bin/sh
# measure.sh REPO — files, lines and bytes by language, as JSON.
. "$(dirname "$0")/prelude.sh"
open_repo "$1"
{
  line_counts | awk '{ print "L\t" $0 }'
  blobs | awk '{ print "B\t" $0 }'
} | awk -F '\t' "$AWK"'
{ p = substr($0, length($1) + length($2) + 3); l = language(p) }
$1 == "B" { files++; bytes += $2; if (l != "") { lang_files[l]++; lang_bytes[l] += $2 } }
$1 == "L" && $2 != "-" { lines += $2; if (l != "") lang_lines[l] += $2; keep(p, $2) }
END {
  for (n = 0; n < 12; n++) {
    top = ""
    for (l in lang_files) if (top == "" || lang_lines[l] > lang_lines[top] || (lang_lines[l] == lang_lines[top] && l < top)) top = l
    if (top == "") break
    out = out (n ? "," : "") sprintf("{\"name\":%s,\"files\":%d,\"lines\":%d,\"bytes\":%.0f}", json(top), lang_files[top], lang_lines[top], lang_bytes[top])
    delete lang_files[top]
  }
  printf "{\"files\":%d,\"lines\":%d,\"bytes\":%.0f,\"languages\":[%s],\"longest\":%s}\n", files, lines, bytes, out, list(10, "path")
}'
