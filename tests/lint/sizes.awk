# Limits: file lines, function lines, parameters, nesting. Reads the exceptions first, rows of
# "path what value" where what is "file", "lines:FUNCTION", "params:FUNCTION" or "nesting:FUNCTION".
# A row holds only while its value is exact: better code must shrink it, so that it cannot grow back.
# Rows of a `static const` table inside a function are data and not counted.
function check(path, line, what, value, limit, remedy) {
    key = path " " what
    if (key in allowed) {
        used[key] = 1
        if (value == allowed[key] && value > limit) return
        if (value <= limit) print path ":" line ": " what " is " value " now; delete its row from sizes.exceptions"
        else if (value < allowed[key]) print path ":" line ": " what " is " value " now; shrink its row in sizes.exceptions"
        else print path ":" line ": " what " is " value ", its exception says " allowed[key] "; " remedy
        return
    }
    if (value > limit) print path ":" line ": " what " is " value ", the limit is " limit "; " remedy
}
function end_file() {
    if (path == "") return
    check(path, 1, "file", lines, path ~ /\.h$/ ? 200 : 500, "split the file by responsibility")
}
# The name is what stands before the last group of parentheses at depth 0; the group is counted.
function parse_signature(sig,    i, c, depth, start) {
    params = 0
    name = ""
    for (i = 1; i <= length(sig); i++) {
        c = substr(sig, i, 1)
        if (c == "(") {
            if (++depth == 1) { start = i; commas = 0 }
        } else if (c == ")") {
            if (--depth == 0) {
                inner = substr(sig, start + 1, i - start - 1)
                gsub(/[ \t]/, "", inner)
                params = (inner == "" || inner == "void") ? 0 : commas + 1
                name = substr(sig, 1, start - 1)
            }
        } else if (c == "," && depth == 1) commas++
    }
    sub(/[ \t]+$/, "", name)
    sub(/.*[^A-Za-z0-9_]/, "", name)
}
FILENAME ~ /sizes\.exceptions$/ {
    if ($0 !~ /^#/ && NF == 3) allowed[$1 " " $2] = $3 + 0
    next
}
FNR == 1 {
    end_file()
    path = FILENAME
    in_function = in_signature = in_table = continued = 0
}
{
    lines = FNR
    text = code($0)
    was_continued = continued
    continued = text ~ /\\$/
    if (was_continued || text ~ /^#/) { if (!in_function) next }
}
!in_function {
    if (!in_signature) {
        if (text !~ /^[A-Za-z_].*\(/ || text ~ /[;=]/) next
        signature = ""
        in_signature = 1
        first = FNR
    }
    signature = signature " " text
    if (text ~ /;[ \t]*$/) { in_signature = 0; next }
    if (text ~ /\{[ \t]*$/) {
        in_signature = 0
        if (signature ~ /=[ \t]*\{[ \t]*$/) next
        sub(/\{[ \t]*$/, "", signature)
        parse_signature(signature)
        in_function = 1
        deepest = rows = 0
    }
    next
}
text ~ /^\}/ {
    in_function = 0
    check(path, first, "lines:" name, FNR - first + 1 - rows, 60, "let a step of it be a function of its own")
    check(path, first, "params:" name, params, 6, "pass a struct")
    check(path, first, "nesting:" name, deepest, 4, "guard clauses first, or a function for the inner part")
    next
}
in_table { rows++; if (text ~ /^[ \t]*\};/) in_table = 0; next }
text ~ /^[ \t]+static const .*=[ \t]*\{[ \t]*$/ { in_table = 1; rows++; next }
text ~ /^ +(if|for|while|switch|do)[ (]/ || text ~ /^ +\} else/ {
    match(text, /^ +/)
    if (RLENGTH / 4 > deepest) deepest = RLENGTH / 4
}
END {
    end_file()
    for (key in allowed) if (!(key in used)) print "tests/lint/sizes.exceptions:1: nothing matches \"" key "\"; delete the row"
}
