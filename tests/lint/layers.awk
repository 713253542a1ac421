# Reads libcore/layers.txt first (name : layers it may include | headers it owns), then sources.
# A row may name only rows above it, which also rules out cycles.
function complain(what) { print FILENAME ":" FNR ": " what }
function layer_of(path,    part) {
    split(path, part, "/")
    if (path ~ /^libcore\/src\//) return part[3]
    if (path ~ /^libcore\/include\/px\//) return (part[4] in owner) ? owner[part[4]] : "?"
    return "program"
}
FILENAME ~ /layers\.txt$/ {
    if ($0 ~ /^#/ || $0 !~ /:/) next
    split($0, half, "|")
    split(half[1], side, ":")
    name = side[1]
    gsub(/[ \t]/, "", name)
    if (name ~ /\//) { # a room of a service: what its house may include of it
        room = name
        sub(/\//, "/src/", room)
        n = split(half[2], list, " ")
        for (i = 1; i <= n; i++) face[room "/" list[i]] = 1
        rooms[room] = 1
        next
    }
    n = split(side[2], list, " ")
    for (i = 1; i <= n; i++) {
        if (!(list[i] in known)) complain("layer " name " may not include " list[i] ", which is not above it; move the row or drop the word")
        may[name, list[i]] = 1
    }
    known[name] = 1
    may[name, name] = 1
    n = split(half[2], list, " ")
    for (i = 1; i <= n; i++) {
        if (list[i] in owner) complain(list[i] " is owned twice; leave it in one row")
        owner[list[i]] = name
    }
    next
}
FNR == 1 {
    layer = layer_of(FILENAME)
    if (layer == "?") complain("no layer owns this header; add it to a row of libcore/layers.txt")
    else if (layer != "program" && !(layer in known)) complain("folder " layer " is no layer; add a row to libcore/layers.txt")
}
/^[ \t]*#[ \t]*include[ \t]*<px\// {
    header = $0
    sub(/^[^<]*<px\//, "", header)
    sub(/>.*/, "", header)
    if (!(header in owner)) { complain("<px/" header "> is owned by no layer; add it to libcore/layers.txt"); next }
    if (layer in known && !((layer, owner[header]) in may))
        complain("layer " layer " may not include <px/" header "> of layer " owner[header] "; move the code up, or pass what it needs as a parameter")
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    header = $0
    sub(/^[^"]*"/, "", header)
    sub(/".*/, "", header)
    if (FILENAME ~ /^tests\//) next
    for (room in rooms) {
        house = room
        sub(/\/[^\/]*$/, "", house)
        here = FILENAME
        sub(/\/[^\/]*$/, "", here)
        if (here == house && !((room "/" header) in face) && (getline line < (room "/" header)) >= 0) {
            close(room "/" header)
            complain("\"" header "\" is inside the room " room "; include what libcore/layers.txt lists of it, or list it there")
        }
    }
    if (header ~ /\//) complain("\"" header "\" leaves its folder; use <px/...>, or move what is shared into libcore")
    else if (FILENAME ~ /^libcore\/include\//) complain("\"" header "\": public headers include <px/...> only")
}
