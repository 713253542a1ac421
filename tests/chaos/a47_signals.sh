#!/usr/bin/env bash
# Rows 47 and 48: SIGTERM under 2,000 requests/s, sent twice as coreutils' timeout does; SIGHUP and SIGPIPE; SIGTERM
# while starting; SIGTERM while Kafka is down. Nothing that was acknowledged is lost, and every stop is bounded.
# shellcheck source=tests/chaos/a_common.sh
. "$(dirname "$0")/a_common.sh"
rate=${CHAOS_RATE:-2000}
stand 1 1 0
fixed_port ingest-2 && fixed_port ingest-2.admin
loose_ingest() { # name: like ingest-1, but not restarted
    launch "$1" "$bin/svc-ingest" "${kafka[@]}" --set "Ingest:Port=${ports[ingest-2]}" --set "Instance:Id=$1" "${any_port[@]}"
}
bounded() { # name from-ms: it ended within 25 s of that
    [ $(($(now_ms) - $2)) -le 25000 ]
}
drained() { # name: it said that nothing was cut short
    has "$1: its drain was not cut short" "$(log_of "$1" app.stopped)" '"stop.cut_short":false.*"process.exit_code":0'
}
twice() { # name: as `timeout` does
    send TERM "$1"
    send TERM "$1"
    send INT "$1"
}

loose agg-1
loose_ingest ingest-a
ready ingest-a 30
via=ingest-2 traffic load "$rate" 14 --connections 64
need "traffic runs" within 20 more_outcomes $((rate * 2)) load ok
inject "SIGTERM of ingest and aggregator under $rate/s"
began=$(now_ms)
twice ingest-a
twice agg-1
for name in ingest-a agg-1; do
    ended "$name" 30
    is "$name: exit status after SIGTERM" "$status" 0
    check "$name: within 25 s" bounded "$name" "$began"
    drained "$name"
done
before=$(outcomes load ok)
loose agg-2
loose_ingest ingest-c
heal "both start again"
recovered 25 more_outcomes "$before" load ok
traffic_end load
stops ingest-c
level_at=''
within 30 level
tap $? "everything is folded in"
is "no request that was sent stayed without an answer" "$(truth load unanswered)" 0
is "none has an unknown fate" "$(truth load unknown)" 0
row_later 47 "SIGTERM under load, twice" 25

# --- signals that must not end anything ------------------------------------------------------------------

traffic calm 100 12
inject "SIGHUP and SIGPIPE; SIGTERM at start-up; SIGTERM without Kafka"
for name in ingest-1 agg-2 api-1; do
    before=$(pid_of "$name")
    for s in HUP PIPE HUP PIPE; do send "$s" "$name"; done
    within 10 said "$name" config.reload
    tap $? "$name: SIGHUP re-reads the configuration" "$(log_of "$name" config 3)"
    is "$name: SIGPIPE does nothing" "$(pid_of "$name") $(alive "$name" && echo alive)" "$before alive"
done

# --- while starting ------------------------------------------------------------------------------------------

early() { # program options...: SIGTERM after ever longer times; 143 = before the program could take signals
    local program=$1 ms began wrong=''
    shift
    for ms in 0 5 10 20 30 50 80 120 200 400; do
        launch early "$bin/$program" "$@"
        sleep "0.$(printf %03d "$ms")" # the moment is what varies
        began=$(now_ms)
        send TERM early
        ended early 30
        case $status in
        0) ;;
        143) [ "$ms" -le 50 ] || wrong+=" $ms ms: killed;" ;;
        *) wrong+=" $ms ms: status $status;" ;;
        esac
        bounded early "$began" || wrong+=" $ms ms: took $(($(now_ms) - began)) ms;"
    done
    is "$program: SIGTERM while it starts" "$wrong" ""
}
early svc-ingest "${kafka[@]}" "${any_port[@]}" --set Ingest:Port=0
early svc-aggregator "${kafka[@]}" "${database[@]}" "${any_port[@]}"
early svc-metrics-api "${database[@]}" "${any_port[@]}" --set Api:Port=0
traffic_end calm

# --- while Kafka is away ----------------------------------------------------------------------------------------

loose_ingest ingest-b
ready ingest-b 30
via=ingest-2 traffic lost 50 15
need "traffic runs" within 20 more_outcomes 20 lost ok
kafka_sh kill "$work/kafka"
began=$(now_ms)
for name in ingest-b agg-2; do send TERM "$name"; done
for name in ingest-b agg-2; do
    ended "$name" 40
    check "$name: without Kafka it ends within 25 s of SIGTERM" bounded "$name" "$began"
    has "$name: and with 0, or with 75 when its drain was cut" "$status" '^(0|75)$'
done
traffic_end lost
kafka_up
loose agg-3
heal "Kafka is back and the aggregator starts"
level_at=''
recovered 60 level
settled 60
accounts_hold
ledger
row_later 48 "signals" 25
rows_now
stops agg-3
