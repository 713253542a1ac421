#!/bin/sh
# The rows of docs/EDGE-CASES.md are numbered without a gap, and each names tests that exist, or says "None: " and why.
. "$(dirname "$0")/lib.sh"
doc=docs/EDGE-CASES.md
# Rows begin with "| number |". Of the backticked words of the last cell a path opens a file, any other word is a test
# in it: a function of a C program that its list holds, a row of raw.txt, a text of a script.
rows() {
    awk '
        /^\| *[0-9]+ *\|/ {
            cells = split($0, cell, "|")
            number = cell[2] + 0
            if (number != ++want) { printf "number\t%d\t%d\t-\n", FNR, number; want = number }
            if (cell[cells - 1] ~ /^ None: .*\. *$/) next
            n = split(cell[cells - 1], part, "`")
            file = ""; tests = 0
            for (i = 2; i <= n; i += 2) {
                if (part[i] ~ /^tests\//) { file = part[i]; printf "file\t%d\t%s\t-\n", FNR, file }
                else { tests++; printf "test\t%d\t%s\t%s\n", FNR, file == "" ? "-" : file, part[i] }
            }
            if (!tests) printf "none\t%d\t%d\t-\n", FNR, number
        }' "$doc"
}
has_test() { # FILE TEST
    case $1 in
    *.c) grep -qF "static void $2(" "$1" && grep -qE "\($2[,)]" "$1" ;;
    *.txt) awk -v t="$2" -F ' *[|] *' '$1 == t { found = 1 } END { exit !found }' "$1" ;;
    *) grep -qF "\"$2\"" "$1" ;;
    esac
}
{
    found=$(rows 2>/dev/null)
    [ "$(printf '%s\n' "$found" | grep -c '^test')" -ge 3 ] ||
        echo "$doc:1: no table of tests; write rows as | 1 | case | answer | \`tests/a.c\` \`test_name\` |"
    tab=$(printf '\t')
    printf '%s\n' "$found" | while IFS=$tab read -r kind line word name; do
        case $kind in
        number) echo "$doc:$line: row $word stands where another number belongs; number the rows from 1, without a gap" ;;
        none) echo "$doc:$line: row $word names no test; name one, or write \"None: \" and a sentence that says why" ;;
        file) [ -e "$word" ] || echo "$doc:$line: there is no $word; correct the row" ;;
        test)
            if [ "$word" = - ]; then
                echo "$doc:$line: \"$name\" stands before any file; name its file first"
            elif [ -e "$word" ] && ! has_test "$word" "$name"; then
                echo "$doc:$line: $word has no test \"$name\"; correct the row"
            fi
            ;;
        esac
    done
} | verdict
