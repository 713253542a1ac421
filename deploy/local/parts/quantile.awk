# A quantile of a histogram in Prometheus' form. Input, ascending: "upper bound in seconds, observations up to it", the last
# bound 1e18 for infinity; -v q=95 is the per cent. Prints milliseconds, by straight lines within a bucket; "> N"
# beyond the last bound, "none" without observations.
{le[NR] = $1; n[NR] = $2}
END {
    if (NR == 0 || n[NR] == 0) {print "none"; exit}
    want = n[NR] * q / 100
    for (i = 1; i < NR && n[i] < want; i++);
    below = i > 1 ? n[i - 1] : 0; from = i > 1 ? le[i - 1] : 0
    if (le[i] >= 1e18) {printf "> %.0f\n", from * 1000; exit}
    printf "%.0f\n", 1000 * (from + (le[i] - from) * (n[i] > below ? (want - below) / (n[i] - below) : 1))
}
