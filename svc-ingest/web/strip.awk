# px.js as it is served: without comment lines, indentation, blank lines, and blanks beside signs; a line that ends
# within a statement takes the next one along. Texts and regular expressions stay as they are.
# Safe for a source that keeps to this, and refuses one that does not: a comment is a line of its own; no template;
# no division, so that a slash always begins or ends a regular expression; a text ends on its line; every statement
# ends with a semicolon or a brace.
function complain(what) {
    print FILENAME ":" FNR ": " what > "/dev/stderr"
    failed = 1
}
# The line without the blanks that mean nothing.
function tight(line,    i, c, out, quote, last, after) {
    quote = ""
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (quote != "") {
            if (c == "\\") {
                c = c substr(line, ++i, 1)
            } else if (c == quote) {
                quote = ""
            }
        } else if (c == "\"" || c == "'" || c == "/") {
            quote = c
            if (quote == "/" && substr(line, i + 1, 1) ~ /[\/*]/) {
                complain("a comment behind code, or in a block")
            }
        } else if (c == "`") {
            complain("a template")
        } else if (c == " ") {
            last = substr(out, length(out), 1)
            after = substr(line, i + 1, 1)
            if (last !~ /[A-Za-z0-9_$]/ || after !~ /[A-Za-z0-9_$]/) {
                if (!(last == after && (last == "+" || last == "-"))) {
                    continue
                }
            }
        }
        out = out c
    }
    if (quote != "") {
        complain("a text or regular expression that does not end here, or a division")
    }
    return out
}
{
    sub(/^[ \t]+/, "")
    sub(/[ \t\r]+$/, "")
}
/^\/\// || /^$/ { next }
{
    line = tight($0)
    # A statement that a brace ends needs no semicolon.
    if (line ~ /^}/) {
        sub(/;$/, "", kept)
    }
    printf "%s%s", kept, kept == "" || kept ~ /[,{(;&|?:=>[]$/ || line ~ /^}/ ? "" : "\n"
    kept = line
}
END {
    print kept
    exit failed
}
