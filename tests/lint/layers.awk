# Reads libcore/layers.txt first (name : layers it may include | headers it owns), then sources.
# A row may name only rows above it, which also rules out cycles. A room, `service/name`, is a folder
# in a service: what it may include are other rooms (of those, what they show) and headers beside it.
function complain(what) { print FILENAME ":" FNR ": " what }
function layer_of(path,    part) {
    split(path, part, "/")
    if (path ~ /^libcore\/src\//) return part[3]
    if (path ~ /^libcore\/include\/px\//) return (part[4] in owner) ? owner[part[4]] : "?"
    return "program"
}
function is_file(path,    line) {
    if (!(path in there)) {
        there[path] = (getline line < path) >= 0
        close(path)
    }
    return there[path]
}
function read_room(name, sees, shows,    house, room, n, i, list) {
    house = room = name
    sub(/\/.*/, "/src", house)
    sub(/\//, "/src/", room)
    n = split(sees, list, " ")
    for (i = 1; i <= n; i++) {
        if (list[i] ~ /\./ ? !is_file(house "/" list[i]) : !((house "/" list[i]) in rooms))
            complain("room " name " may not include " list[i] ", which is neither a room above it nor a header of " house "; correct the row")
        may[room, house "/" list[i]] = 1
    }
    n = split(shows, list, " ")
    for (i = 1; i <= n; i++) {
        if (!is_file(room "/" list[i])) complain("room " name " has no " list[i] "; correct the row")
        face[room "/" list[i]] = 1
    }
    may[room, room] = 1
    rooms[room] = house
}
# A header of the service, by its bare name, included in the folder `here` (the service's own, or a room).
function look(here, header,    house, room, path) {
    house = here
    sub(/\/src\/.*/, "/src", house)
    if (is_file(here "/" header)) return
    if (is_file(house "/" header)) {
        if (!((here, house "/" header) in may))
            complain("\"" header "\" is no business of the room " here "; pass what it needs, or list the header in libcore/layers.txt")
        return
    }
    for (room in rooms) {
        path = room "/" header
        if (rooms[room] != house || !is_file(path)) continue
        if (here != house && !((here, room) in may))
            complain("\"" header "\" is of the room " room ", which the room " here " must not know; move what both need, or list the room in libcore/layers.txt")
        else if (!(path in face))
            complain("\"" header "\" is inside the room " room "; include what libcore/layers.txt lists of it, or list it there")
    }
}
FILENAME ~ /layers\.txt$/ {
    if ($0 ~ /^#/ || $0 !~ /:/) next
    split($0, half, "|")
    split(half[1], side, ":")
    name = side[1]
    gsub(/[ \t]/, "", name)
    if (name ~ /\//) {
        read_room(name, side[2], half[2])
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
    here = FILENAME
    sub(/\/[^\/]*$/, "", here)
    if (here ~ /^svc-[a-z-]+\/src\// && !(here in rooms)) complain("folder " here " is no room; add a row to libcore/layers.txt")
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
    here = FILENAME
    sub(/\/[^\/]*$/, "", here)
    if (here ~ /^svc-[a-z-]+\/src/) look(here, header)
    if (header ~ /\//) complain("\"" header "\" leaves its folder; use <px/...>, or move what is shared into libcore")
    else if (FILENAME ~ /^libcore\/include\//) complain("\"" header "\": public headers include <px/...> only")
}
