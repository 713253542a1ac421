#!/bin/sh
# Writes the reference documents that the programs print themselves.
#   docs/generate.sh BINDIR OUTDIR      from the root of the tree; `make docs` calls it
# tests/lint/generated.sh writes them once more elsewhere and compares.
set -eu
bin=${1:?usage: generate.sh BINDIR OUTDIR} out=${2:?usage: generate.sh BINDIR OUTDIR}
export LC_ALL=C
defs=libcore/include/px
programs='svc-ingest svc-aggregator svc-metrics-api'
note='<!-- Written by `make docs`; do not edit. -->'
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for p in $programs; do
    "$bin/$p" --docs=options >"$tmp/$p.options"
    "$bin/$p" --docs=metrics >"$tmp/$p.metrics"
done
"$bin/svc-ingest" --docs=errors >"$tmp/errors"
"$bin/svc-metrics-api" --openapi >"$tmp/openapi"
"$bin/svc-ingest" --print-schema >"$tmp/schema"

# --- options: a row that several programs print alike stands once -------------------------------
group() { # PATTERN TITLE: rows of exactly the programs of PATTERN (i, a, m in this order)
    awk -v want="$1" -v title="$2" '
        FNR == 1 { file++ }
        FNR <= 2 { head[FNR] = $0; next }
        { if (!($0 in who)) order[++n] = $0; who[$0] = who[$0] substr("iam", file, 1) }
        END {
            for (i = 1; i <= n; i++) {
                if (who[order[i]] != want) continue
                if (!shown++) printf "\n## %s\n\n%s\n%s\n", title, head[1], head[2]
                print order[i]
            }
        }' "$tmp/svc-ingest.options" "$tmp/svc-aggregator.options" "$tmp/svc-metrics-api.options"
}
{
    cat <<X
$note
# Options

Every option can stand in \`appsettings.json\`, in \`appsettings.{Environment}.json\`, in the environment and
behind \`--set\`; each layer goes over the one before. [OPERATIONS.md](OPERATIONS.md#configuration) tells the rules.
\`svc-x --print-config\` shows each value in effect and where it comes from. Column SIGHUP: may change while running.
X
    group iam 'All programs'
    group ia 'svc-ingest and svc-aggregator: Kafka'
    group am 'svc-aggregator and svc-metrics-api: SQL'
    group im 'svc-ingest and svc-metrics-api'
    group i 'svc-ingest'
    group a 'svc-aggregator'
    group m 'svc-metrics-api'
} >"$out/options.md"

# --- metrics ------------------------------------------------------------------------------------
{
    cat <<X
$note
# Metrics

Served as Prometheus text at \`/metrics\` of each admin port. Label values come from closed sets (routes, reasons,
event types); no label holds what a sender chose. Times are in seconds. What to watch and what to do about it is in
[OPERATIONS.md](OPERATIONS.md#metrics-that-matter).
X
    for p in $programs; do
        printf '\n## %s\n\n' "$p"
        cat "$tmp/$p.metrics"
    done
    cat <<X

## Every program

\`px_build_info\` (labels \`service\`, \`version\`, \`revision\`) and the usual \`process_*\` metrics of Prometheus client libraries.
X
} >"$out/metrics.md"

# --- errors -------------------------------------------------------------------------------------
rows() { # FILE MACRO: the one-line rows of a .def file as "code|number|sentence"
    awk -v m="$2" 'index($0, m "(") == 1 {
        if (split($0, part, "\"") != 5) { print FILENAME ":" FNR ": not one row in one line" > "/dev/stderr"; exit 1 }
        gsub(/[^0-9]/, "", part[3])
        print part[2] "|" part[3] "|" part[4]
    }' "$1"
}
table() { # FIRST SECOND THIRD: its rows from stdin
    printf '| %s | %s | %s |\n|---|---|---|\n' "$1" "$2" "$3"
    awk -F'|' '{ printf "| `%s` | %s | %s |\n", $1, $2, $3 }'
}
rows "$defs/reason.def" PX_REASON >"$tmp/reasons"
rows "$defs/refusal.def" PX_REFUSAL >"$tmp/refusals"
rows svc-ingest/src/guard/denial.def ING_DENIAL >"$tmp/denials"
{
    cat <<X
$note
# Errors

## Reasons for refusing an event

\`X-Error-Code\` of svc-ingest, \`code\` of a field error, label \`reason\` of \`px_events_rejected_total\` and
\`px_dlq_events_total\`, \`reason\` of a dead letter. The sentence follows the name of the field.
[EVENTS.md](EVENTS.md) shows them in answers.

X
    table code HTTP sentence <"$tmp/reasons"
    cat <<X

## Requests that the HTTP gate refuses

On every port, before anything else looks at them; the connection is closed.

X
    table code HTTP sentence <"$tmp/refusals"
    cat <<X

## Requests that svc-ingest turns away

By limit or by key, before they are read ([LIMITS.md](LIMITS.md)); label \`reason\` of \`px_requests_denied_total\`.

X
    table code HTTP sentence <"$tmp/denials"
    cat <<X

## Errors inside the programs

\`error.type\` in logs. A program that ends because of one leaves with its exit status.

X
    cat "$tmp/errors"
    cat <<X

## Exit statuses

| status | meaning | errors that end a program with it |
|---|---|---|
X
    awk -F' *[|] *' '
        BEGIN {
            n = split("0 1 64 65 69 70 74 75 76 77 78", order, " ")
            says["0"] = "asked to stop, or done"
            says["1"] = "`--check`: a probe failed; `--reconcile`, `--rebuild`: something differs"
            says["64"] = "the command line was misused"
            says["65"] = "the data cannot be worked on as it is"
            says["69"] = "something that is needed cannot be reached"
            says["70"] = "memory, or a defect"
            says["74"] = "a file or a socket failed"
            says["75"] = "temporary: start it again"
            says["76"] = "a peer broke the protocol"
            says["77"] = "credentials or permissions"
            says["78"] = "the configuration, or the database schema"
        }
        NR > 2 {
            if (!($4 in says)) { print "exit status " $4 " of " $2 " has no meaning here" > "/dev/stderr"; bad = 1; exit 1 }
            list[$4] = list[$4] (list[$4] ? ", " : "") $2
        }
        END { if (!bad) for (i = 1; i <= n; i++) printf "| %s | %s | %s |\n", order[i], says[order[i]], list[order[i]] }
    ' "$tmp/errors"
} >"$out/errors.md"

# --- JSON: as served, one member a line so that differences can be read -------------------------
pretty() { # FILE
    awk '
    function indent(k) { s = "\n"; while (k-- > 0) s = s "  "; return s }
    {
        for (i = 1; i <= length($0); i++) {
            c = substr($0, i, 1)
            if (text) {
                printf "%s", c
                if (c == "\\") printf "%s", substr($0, ++i, 1)
                else if (c == "\"") text = 0
                continue
            }
            next_c = substr($0, i + 1, 1)
            if (c == "\"") text = 1
            if ((c == "{" || c == "[") && next_c != "}" && next_c != "]") printf "%s%s", c, indent(++depth)
            else if (c == "{" || c == "[") { printf "%s%s", c, next_c; i++ }
            else if (c == "}" || c == "]") printf "%s%s", indent(--depth), c
            else if (c == ",") printf ",%s", indent(depth)
            else printf "%s", c == ":" ? ": " : c
        }
        print ""
    }' "$1"
}
pretty "$tmp/openapi" >"$out/openapi.json"
pretty "$tmp/schema" >"$out/event.schema.json"
