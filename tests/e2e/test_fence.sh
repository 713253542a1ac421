#!/usr/bin/env bash
# An aggregator that is stopped with a batch in hand and thawed when another one owns its partitions must not
# count anything again: before its transaction began (the fence refuses it), and in the middle of one that
# holds locks (the database ends it, so that the next owner need not wait for ever).
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
[ -x "$failpoint_bin" ] || die "$failpoint_bin exists: make FAILPOINTS=1"

kafka_up
kafka_topics
postgres_up
migrate
ingest_up ingest
ready ingest 30
session=(--set Kafka:SessionTimeout=6s)
truths=() acked=0

frozen() { grep -q '^State:[[:space:]]*T' "/proc/${pids[$1]}/status"; }
owns() { [ "$(metric "$1" px_consumer_partitions)" = "$2" ]; }
owns_some() { [ "$(metric "$1" px_consumer_partitions)" -gt 0 ]; }
fenced() { [ "$(metric "$1" px_fenced_total)" = 1 ]; }
traffic() { # name rate seed: two seconds of it; adds up what must be folded in
    load_up "$1" ingest --rate "$2" --duration 2s --seed "$3" --players 500
    ended "$1" 40
    is "$1: every request was answered as expected" "$status" 0
    truths+=("$1.truth")
    acked=$((acked + $(truth "$1" acked)))
}
scenario() { # failpoint seed
    local zombie=zombie-$2 heir=heir-$2
    aggregator=(env "PX_FAILPOINTS_AT=$1" "$failpoint_bin")
    aggregator_up "$zombie" "${session[@]}"
    aggregator=("$bin/svc-aggregator")
    ready "$zombie" 30
    need "$1: the first aggregator owns everything" within 20 owns "$zombie" 10
    traffic "before-$2" 500 "$2"
    need "$1: it stops with a batch in hand" within 15 frozen "$zombie"
    check "$1: events wait meanwhile" [ "$(folded)" -lt "$acked" ]
    aggregator_up "$heir" "${session[@]}"
    need "$1: another one takes over" within 30 owns "$heir" 10
    need "$1: and applies what waited" within 30 folded_is "$acked"
    compare sums "${truths[@]}"
    send CONT "$zombie"
    need "$1: thawed, the first one is refused and counts that" within 20 fenced "$zombie"
    has "$1: and says so" "$(cat "$work/$zombie.log")" "fence|another (owner|process)"
    need "$1: it joins again and gets a part" within 30 owns_some "$zombie"
    traffic "after-$2" 500 "$(($2 + 1))"
    need "$1: both go on" within 30 folded_is "$acked"
    compare sums "${truths[@]}"
    for name in "$zombie" "$heir"; do
        send TERM "$name"
        ended "$name" 25
        is "$1: SIGTERM ends $name with 0" "$status" 0
    done
}

scenario agg.before_fence=stop@3 21
scenario agg.before_commit=stop@3 31
