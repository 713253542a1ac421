# What the formatter cannot decide: braces around every body, one kind of comment, the opening
# comment of a file, no line that a build without asserts would drop.
function complain(what) { print FILENAME ":" FNR ": " what }
FNR == 1 {
    control = ""
    if ($0 !~ /^\/\*/) complain("no opening comment; say in 2-6 lines what the file is and must not do")
}
{
    text = code($0)
    if (text ~ /\t/) complain("a tab; run make format")
    if (text ~ /\/\// && text !~ /^#/) complain("a // comment; write /* ... */")
    if ($0 ~ /(TODO|FIXME)/) complain("an open end in a comment; do it, or open an issue")
    if (text ~ /^[ \t]*#/ || text ~ /\\$/) next
}
control == "" && text ~ /^[ \t]*(\} )?(else )?(if|for|while|switch)[ ]?\(/ { control = text; depth = 0; from = text }
control == "" && text ~ /^[ \t]*(\} )?else[ \t]*$/ { complain("else without a brace; write else {"); next }
control != "" {
    opened = gsub(/\(/, "(", text)
    depth += opened - gsub(/\)/, ")", text)
    if (depth > 0) next
    if (text !~ /\{[ \t]*$/ && text !~ /\{[ \t]*\}[ \t]*$/ && from !~ /^[ \t]*\} while/)
        complain("a body without braces; write { }")
    control = ""
}
