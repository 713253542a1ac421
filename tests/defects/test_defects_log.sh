#!/usr/bin/env bash
# The planted defects that show when the log is disturbed: a topic made anew, records that are no events, a broker
# that stands still while svc-ingest answers. Like test_defects.sh, and beside it: px-ledger must name each defect,
# and find the same scenario without one exact. Wants a build with DEFECTS=1 (make defects).
# shellcheck source=tests/defects/lib.sh
. "$(dirname "$0")/lib.sh"

servers LETTER INGEST ANEW AGAIN

# --- the epoch of the fence ------------------------------------------------------------------------------------------

recreated() { # name defects environment: like overtaken, and by then the topic is another one of the same name
    on_topic "$3"
    fill "$1_old" 100 1s
    on_database "$1"
    failpoints='agg.before_fence=stop;agg.after_commit=kill' aggregate "$1" "$2" "${whole_log[@]}"
    need "$1: it stops with the old log in hand" within 30 frozen "$1"
    kafka_sh tool "$work/kafka" org.apache.kafka.tools.TopicCommand --bootstrap-server "$KAFKA_BOOTSTRAP" \
        --delete --topic "$topic" >>"$work/servers.log" 2>&1
    need "$1: the topic is made anew" within 60 make_topic "$topic"
    fill "$1_new" 400 1s
    failpoints='agg.before_fence=stop' aggregate "$1_heir" '' --once "${whole_log[@]}"
    need "$1: the next owner has the new log in hand" within 30 frozen "$1_heir"
    send CONT "$1"
    need "$1: thawed, the former owner is refused or commits" within 30 fenced_or_gone "$1"
    if running "${pids[$1]}"; then send KILL "$1"; fi
    ended "$1" 10
    send CONT "$1_heir"
    drained "$1_heir"
}

# Offsets fit when the topic was made anew in between; then only the epoch tells.
recreated anew '' ANEW
exact recreated
recreated again_anew sql.fence_any_epoch AGAIN
caught recreated sql.fence_any_epoch phantom_in_sql

# --- dead letters: the defect first, because letters stay ---------------------------------------------------------------

on_topic LETTER
printf 'k%d:no envelope %d\n' 1 1 2 2 3 3 | kcat -P -b "$KAFKA_BOOTSTRAP" -t "$topic" -K : 2>>"$work/servers.log"
plain unwritten agg.no_letter
caught letters agg.no_letter dead_letter_missing --expect-dead 3
plain written ''
exact letters --expect-dead 3

# --- defects of ingest: the broker stands still ------------------------------------------------------------------------------

on_topic INGEST
on_database ingest
intents() { grep -c '^i' "$work/$1.book"; }
intended() { [ "$(intents "$1")" -ge "$2" ]; }
frozen_broker() { # name defects options...: traffic that the log cannot take; NAME.book afterwards
    local name=$1 defects=$2 target
    shift 2
    launch "$name" env "PX_DEFECT=$defects" "$bin/svc-ingest" "${kafka[@]}" "${any_port[@]}" --set Ingest:Port=0 "$@"
    ready "$name" 30
    target=127.0.0.1:$(port "$name" server.port)
    kill -STOP "$KAFKA_PID"
    launch "$name-load" "$bin/px-load" --url "$target" --rate 100 --duration 1s --connections 150 --timeout 10s \
        --grace 10s --prefix "$name" --book "$work/$name.book"
    need "$name: requests are sent" within 20 intended "$name" 60
}
log_again() { [ -n "$(log_end)" ]; }
thawed() { # name: the log goes on; the traffic ends; what came of it is applied
    kill -CONT "$KAFKA_PID"
    ended "$1-load" 60
    need "$1: the log answers again" within 30 log_again
    aggregate "$1_agg" '' --once
    drained "$1_agg"
}
killed() { # name defects: ingest dies with requests that the log has not reported
    frozen_broker "$1" "$2"
    within 3 intended "$1" 95
    send KILL "$1"
    ended "$1" 10
    thawed "$1"
}
timed_out() { # name defects: the log reports that it did not store them in time
    frozen_broker "$1" "$2" --set Kafka:MessageTimeout=500ms
    need "$1: every request has its answer" within 30 gone "${pids[$1-load]}"
    thawed "$1"
    send TERM "$1"
    ended "$1" 25
}
at_end "kill -CONT $KAFKA_PID"

killed waits ''
exact killed --book "$work/waits.book"
timed_out tells ''
exact timed_out --book "$work/waits.book" --book "$work/tells.book"
killed early ing.ack_when_queued
caught killed ing.ack_when_queued acked_lost --book "$work/waits.book" --book "$work/tells.book" --book "$work/early.book"
timed_out deaf ing.ack_any_report
# without the book of the run before, whose losses are not this one's
caught timed_out ing.ack_any_report acked_lost --book "$work/waits.book" --book "$work/tells.book" --book "$work/deaf.book"

sed 's/^/# /' "$work/caught"
