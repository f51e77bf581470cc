#!/bin/sh
# tests.sh REPO — lines of test code and of other code, guessed from the paths, as JSON.
. "$(dirname "$0")/prelude.sh"
open_repo "$1"
line_counts | awk -F '\t' "$AWK"'
{ p = substr($0, length($1) + 2); l = language(p) }
$1 == "-" || l == "" || (l in PROSE) { next }
is_test(p) { test_files++; test_lines += $1; next }
{ code_files++; code_lines += $1 }
END { printf "{\"test_files\":%d,\"test_lines\":%d,\"code_files\":%d,\"code_lines\":%d}\n", test_files, test_lines, code_files, code_lines }'
