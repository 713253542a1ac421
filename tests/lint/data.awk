# The comparison behind data.sh. Reads what DATA.md is held to, then DATA.md itself, which comes last.

function bare(s) { gsub(/[`"\[\] \t(),;]/, "", s); sub(/^dbo\./, "", s); return s }
function say(at, what) { print at ": " what }

# --- what there is --------------------------------------------------------------------------------------

# privileges.txt: the head names the roles; letters of a role that may write, or read
FILENAME ~ /privileges\.txt$/ {
    if ($0 ~ /^(#|$)/) { next }
    if (!nroles) { for (i = 2; i <= NF; i++) { role[i] = $i } nroles = NF; next }
    for (i = 2; i <= NF; i++) {
        if ($i ~ /[iudt]/) { writers[$1] = writers[$1] (writers[$1] ? ", " : "") role[i] }
        if ($i ~ /s/) { readers[$1] = readers[$1] (readers[$1] ? ", " : "") role[i] }
    }
    granted[$1] = 1
    next
}

FILENAME ~ /options\.md$/ {
    if (split($0, cell, "|") > 5 && cell[2] ~ /`.*`/) { preset[bare(cell[2])] = bare(cell[5]) }
    next
}

# topics.yaml: the rows `of:` above the principals, and how many days they say; compacted is for good
FILENAME ~ /topics\.yaml$/ {
    if ($1 == "principals:") { principals = 1 }
    if ($1 == "-" && $2 == "of:" && !principals) { topic = $3; topics[topic] = FILENAME ":" FNR }
    if (topic && match($0, /retention\.ms, value: [0-9]+/)) {
        ms = substr($0, RSTART, RLENGTH)
        sub(/.* /, "", ms)
        keeps_for[topic] = "for " ms / 86400000 " days"
    }
    if (topic && /cleanup\.policy, value: compact/) { keeps_for[topic] = "for good" }
    next
}

function as_written(span) { return span ~ / days$/ ? substr(span, 5) : span }
function column(name, at) {
    if (name !~ /^(PRIMARY|CONSTRAINT|UNIQUE|FOREIGN|CHECK)$/ && name != "" && !((table "." name) in there)) {
        there[table "." name] = at
    }
}
# schema.sql: one column a line, or all of them in the line of the table; behind a comma what SQLite added to it
FILENAME ~ /schema\.sql$/ {
    if ($1 == "CREATE" && $2 == "TABLE") {
        rest = $0
        sub(/^CREATE TABLE +/, "", rest)
        table = rest
        sub(/ *\(.*/, "", table)
        table = bare(table)
        sub(/^[^(]*\( */, "", rest)
        inside = rest == ""
        for (i = split(rest, part, /, */); i > 0 && rest != ""; i--) {
            split(part[i], word, " ")
            column(bare(word[1]), FILENAME ":" FNR)
        }
    } else if (inside && /^\)/) { inside = 0 }
    else if (inside && /^, /) {
        column(bare($2), FILENAME ":" FNR)
        inside = !/\)/
    }
    else if (inside) { column(bare($1), FILENAME ":" FNR) }
    next
}

# --- what DATA.md says ------------------------------------------------------------------------------------

/^## / { part_of = $0; table = "" }
part_of == "## Tables" && /^### `/ {
    table = bare($2)
    at = doc ":" FNR
    told_tables[table] = at
    if (!(table in granted)) { say(at, "database/privileges.txt has no row for " table "; correct the heading, or add the row") }
    next
}
part_of == "## Tables" && /^Written: / {
    n = split($0, said, /\. /)
    rights = "Written: " ticked(writers[table], "nobody but the owner") ". Read: " ticked(readers[table], "nobody but the owner")
    if (said[1] ". " said[2] != rights) { say(doc ":" FNR, "database/privileges.txt says of " table " \"" rights "\"; write that") }
    kept = said[3]
    sub(/^Class: /, "", kept)
    sub(/\.$/, "", kept)
    class_of[table] = kept
    class_at[table] = doc ":" FNR
}
function ticked(list, none) {
    if (list == "") { return none }
    gsub(/, /, "`, `", list)
    return "`" list "`"
}
part_of == "## Tables" && table && /^\| `/ {
    n = split($0, cell, "|")
    name = table "." bare(cell[2])
    mark = bare(cell[n - 1])
    if (name in told) { say(doc ":" FNR, name " has a line already; drop one") }
    told[name] = doc ":" FNR
    marks[name] = mark
    if (mark !~ /^(yes|may|hash|row|no)$/) { say(doc ":" FNR, name " has the mark \"" mark "\"; use yes, may, hash, row or no") }
    if (bare(cell[3]) == "" || bare(cell[4]) == "") { say(doc ":" FNR, "nothing is said of " name "; say what it holds and in which form") }
    next
}
part_of == "## How long" && /^\| [a-z]+ \|/ {
    split($0, cell, "|")
    name = bare(cell[2])
    if (name == "class") { next }
    classes[name] = 1
    option = bare(cell[3])
    if (option != "" && preset[option] != bare(cell[4])) {
        say(doc ":" FNR, "docs/options.md says that " option " is " (preset[option] ? preset[option] : "no option") " by default; write that")
    }
}
part_of == "## Topics" && /^\| `/ {
    n = split($0, cell, "|")
    name = bare(cell[2])
    told_topics[name] = 1
    if (!(name in topics)) { say(doc ":" FNR, "deploy/kafka/topics.yaml has no topic " name "; drop the line") }
    else if (cell[n - 1] != " " as_written(keeps_for[name]) " ") { say(doc ":" FNR, "deploy/kafka/topics.yaml keeps " name " " keeps_for[name] "; write that") }
}
part_of == "## Where data about people lies" && /^\|/ {
    split($0, cell, "|")
    for (i = split(cell[2], word, "`"); i > 0; i--) {
        if (word[i] ~ /^[a-z_0-9]+\.[a-z_0-9]+$/) { mapped[word[i]] = doc ":" FNR }
    }
}

END {
    for (name in there) { if (!(name in told)) { say(there[name], name " is not in " doc "; say there what it holds, and whether it is about a person") } }
    for (name in told) { if (!(name in there)) { say(told[name], "no schema has " name "; drop the line") } }
    for (name in told_tables) {
        if (!(name in class_of)) { say(told_tables[name], name " has no line \"Written: ... Read: ... Class: ...\"; write it") }
        else if (!(class_of[name] in classes)) { say(class_at[name], "\"" class_of[name] "\" is no class of \"How long\"; use one") }
    }
    for (name in topics) { if (!(name in told_topics)) { say(topics[name], "topic " name " is not in " doc "; add its line") } }
    for (name in marks) {
        if (marks[name] ~ /^(yes|may|hash)$/ && !(name in mapped)) {
            say(told[name], name " is about people and not in \"Where data about people lies\"; say how long it stays and how it goes")
        }
    }
    for (name in mapped) { if (marks[name] !~ /^(yes|may|hash)$/) { say(mapped[name], name " is not marked yes, may or hash in \"Tables\"; correct one of them") } }
}
