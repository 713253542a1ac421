#!/usr/bin/env bash
# quick
# Rows 1, 2 and 8: the broker is killed under load; it is frozen while its sockets stay open; it is frozen and only
# few events may wait. Nothing is acknowledged that is not stored, everybody gets an answer, and it goes on by itself.
. "$(dirname "$0")/lib.sh"
copies_expected=1
ingest_options=(--set Kafka:MessageTimeout=3s)
stand 1 1 1 --set Kafka:SessionTimeout=6s
start_ingest ingest-2 --set Ingest:MaxInFlight=20
ready ingest-2 30

api_answers() { http_ok "http://127.0.0.1:${ports[api-1]}/api/metrics?from=2026-01-01&to=2026-01-02"; }
begin_row() { # traffic service
    via=$2 traffic "$1" 200 0 --connections 64
    need "$1: traffic flows" within 30 more_outcomes 200 "$1" ok
    service=$2 lines=$(log_lines "$2") moved=$(metric "$2" px_events_unavailable_total)
}

# While the log is away: 503s that say which kind, readiness, one line, the metric.
told_so() { # traffic
    need "$1: 503 instead of an answer that nobody can keep" within 30 busy_over 0 "$1"
    check "$1: $service is not ready" within 30 readyz_is "$service" 503
    check "$1: it says so, once" within 10 loss_said "$service" "$lines"
    has "$1: and what to do" "$(log_since "$service" "$lines" | grep -E '"log.(unreachable|refuses)"')" '"remedy":"[^"]'
    check "$1: the metric has moved" over "$(metric "$service" px_events_unavailable_total)" "$moved"
    is "$1: $service is alive all the same" "$(get "http://127.0.0.1:${ports[$service.admin]}/livez")" 200
    check "$1: the API answers all the same" api_answers
    has "$1: the 503s say of which kind" "$(codes "$1")" '^log_un(known|available) [1-9]'
}
back_again() { # traffic row fault
    recovered 60 more_outcomes "$oks" "$1" ok
    check "$1: $service is ready again" within 30 readyz_is "$service" 200
    check "$1: it says so, once" within 10 said_once "$service" "$lines" log.stores
    check "$1: it has said no more than once that the log was away" loss_said "$service" "$lines"
    is "$1: it was never restarted" "$(restarts "$service")" 0
    traffic_end "$1"
    settled 60
    ledger
    row "$2" "$3" 10
}

# --- row 1 ------------------------------------------------------------------------------------------------

begin_row killed ingest-1
inject "kill -9 of the broker"
kafka_sh kill "$work/kafka"
told_so killed
kafka_up
oks=$(outcomes killed ok)
heal "the broker runs and answers"
back_again killed 1 "broker killed under load"

# --- row 2 ------------------------------------------------------------------------------------------------

freeze() {
    at_end "kill -CONT $KAFKA_PID"
    kill -STOP "$KAFKA_PID"
    frozen_at=$SECONDS
}
frozen_for() { [ $((SECONDS - frozen_at)) -ge "$1" ]; }
begin_row frozen ingest-1
inject "SIGSTOP of the broker for 20 s"
freeze
told_so frozen
check "frozen: 20 s have passed" within 30 frozen_for 20
oks=$(outcomes frozen ok)
kill -CONT "$KAFKA_PID"
heal "SIGCONT"
back_again frozen 2 "broker frozen, connections open"

# --- row 8 ------------------------------------------------------------------------------------------------

begin_row full ingest-2
inject "SIGSTOP of the broker, 20 events may wait"
freeze
at_us=$(now_us)
need "full: past the mark 503 overloaded" within 30 count_over 200 full overloaded
progress "the loops of ingest turn" metric ingest-2 px_loop_ticks_total
progress "503s are answered" count_of full overloaded
check "full: ingest is not ready" within 10 readyz_is ingest-2 503
took=$(latency full 95 "$at_us" overloaded)
check "full: they are answered at once (p95 $took ms)" under "$took" 250
faults='missing_field|bad_escape|junk_value|email_address|unknown_.*'
fault_judged() { [ "$(latency full 95 "$at_us" "$faults")" != none ]; }
need "full: what is wrong with an event is still said" within 30 fault_judged
took=$(latency full 95 "$at_us" "$faults")
check "full: and at once (p95 $took ms)" under "$took" 250
oks=$(outcomes full ok)
kill -CONT "$KAFKA_PID"
heal "SIGCONT"
recovered 60 more_outcomes "$oks" full ok
check "full: ingest is ready again" within 30 readyz_is ingest-2 200
traffic_end full
settled 60
ledger
row 8 "queue full" 10
