# The JSON lines of the benchmarks as a table. One object per line, flat, as bench_print writes it.
# Exit 1 when a verdict is "failed".
function text(key,    m) {
    m = match($0, "\"" key "\":\"[^\"]*\"")
    return m ? substr($0, RSTART + length(key) + 4, RLENGTH - length(key) - 5) : ""
}
function number(key,    m) {
    m = match($0, "\"" key "\":[-+0-9.eE]+")
    return m ? substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0 : ""
}
function short(v) {
    return v == "" ? "" : v >= 1000 ? sprintf("%.0f", v) : v >= 10 ? sprintf("%.1f", v) : sprintf("%.2f", v)
}
/^\{"bench":/ {
    if (text("bench") != last) {
        last = text("bench")
        printf "%s\n", last
    }
    range = sprintf("%s [%s-%s]", short(number("value")), short(number("min")), short(number("max")))
    printf "  %-46s %-26s %-14s", text("figure"), range, text("unit")
    ref = text("reference_name")
    printf " %-46s", ref == "" ? "" : sprintf("%.2fx %s (%s)", number("ratio"), ref, short(number("reference")))
    v = text("verdict")
    aim = number("aim")
    printf " %s\n", v == "none" ? "" : sprintf("aim %s: %s", short(aim), v)
    count[v]++
}
END {
    printf "\n%d figures: %d aims met, %d missed, %d failed (above twice the aim)\n",
        count["met"] + count["missed"] + count["failed"] + count["none"], count["met"], count["missed"], count["failed"]
    exit count["failed"] > 0
}
