# code(line): the line without comments, and with the content of strings and characters blanked to
# "x". For use with other awk files: awk -f strip.awk -f rule.awk FILE... Comments may span lines.
FNR == 1 { in_comment = 0 }
function code(line,    out, c, n, i) {
    if (!in_comment && line !~ /["']|\/\*/) return line
    out = ""
    n = length(line)
    for (i = 1; i <= n; i++) {
        if (in_comment) {
            if (substr(line, i, 2) == "*/") { in_comment = 0; i++ }
            continue
        }
        c = substr(line, i, 1)
        if (c == "/" && substr(line, i + 1, 1) == "*") { in_comment = 1; i++; continue }
        if (c == "\"" || c == "'") {
            for (i++; i <= n && substr(line, i, 1) != c; i++)
                if (substr(line, i, 1) == "\\") i++
            out = out c "x" c
            continue
        }
        out = out c
    }
    return out
}
