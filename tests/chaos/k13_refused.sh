#!/usr/bin/env bash
# Row 13: a topic that does not exist, and one that takes only small records. What the operator must mend is 503 and
# named by --check; what the sender must mend is 413. Neither disturbs the traffic beside it.
. "$(dirname "$0")/lib.sh"
copies_expected=1
ingest_options=(--set Kafka:MessageTimeout=5s)
stand
start_ingest ingest-2 --set Kafka:EnvironmentName=GONE
start_ingest ingest-3 --set Kafka:EnvironmentName=SMALL
small=${topic/_DEV_/_SMALL_}
gone=${topic/_DEV_/_GONE_}
make_topic() { kafka_sh topic "$work/kafka" "$@" >>"$work/servers.log" 2>&1 || die "topic $1 was made"; }
make_topic "$small" 2 max.message.bytes=400
make_topic "${small/#EVT/DLQ}" 2
ready ingest-3 30
pixel() { # service more: the status; fields in $work/head
    get "http://127.0.0.1:${ports[$1]}/api/pixel/visit?playerId=ana&bannerTag=spring$2"
}
taken() { [ "$(pixel "$1" "")" = 200 ]; }

traffic beside 100 0
need "traffic flows beside it" within 30 more_outcomes 200 beside ok

# --- a topic that is not there -------------------------------------------------------------------------------

inject "the topic of events is missing; another takes small records only"
is "no topic: 503" "$(pixel ingest-2 "")" 503
has "no topic: the code blames the log" "$(head_field X-Error-Code)" '^log_(refused|unavailable)$'
has "no topic: when to come again" "$(head_field Retry-After)" '^[1-9]'
said=$("$bin/svc-ingest" "${kafka[@]}" --set Kafka:EnvironmentName=GONE --set Ingest:Port=0 --set Admin:Port=0 --check 2>&1)
is "no topic: --check fails" $? 1
has "no topic: --check names it" "$said" "FAIL +kafka.topic .*$gone"
unready() { pixel ingest-2 "" >/dev/null && readyz_is ingest-2 503; }
check "no topic: not ready once several events were refused" within 30 unready
has "no topic: the metric has moved" "$(metric ingest-2 px_events_unavailable_total)" '^[1-9]'

# --- too large -------------------------------------------------------------------------------------------------

hex() { od -An -v -tx1 -N 120 /dev/urandom | tr -d ' \n'; } # 240 characters that hardly shrink
is "small records only: a small one is stored" "$(pixel ingest-3 "")" 200
is "small records only: a large one is the sender's matter" "$(pixel ingest-3 "&s=$(hex)&b=$(hex)")" 413
is "small records only: by its code" "$(head_field X-Error-Code)" too_large_for_log
is "small records only: counted as refused" "$(metric ingest-3 'px_events_rejected_total{reason="too_large_for_log"}')" 1
is "small records only: ready all the same" "$(readyz ingest-3)" 200
progress "the traffic beside it" outcomes beside ok

# --- healed ------------------------------------------------------------------------------------------------------

make_topic "$gone" 2
make_topic "${gone/#EVT/DLQ}" 2
heal "the topic was made"
recovered 60 taken ingest-2
check "ingest is ready" within 30 readyz_is ingest-2 200
traffic_end beside
is "nobody beside it got a 503" "$(busy beside)" 0
settled 60
ledger
row 13 "topic missing, record too large" 10
