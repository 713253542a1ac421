#!/usr/bin/env bash
# Three Kafka nodes as deploy/local/real/kafka.sh makes them: every record three times, one node killed, one frozen,
# all of them stopped and started again; and one node behind a proxy's address.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
export KAFKA_HEAP=${KAFKA_HEAP:--Xmx384m}

nodes() { kcat -b "$KAFKA_BOOTSTRAP" -L -m 10 2>/dev/null | grep -c '^  broker '; }
copies() { # replicas|isrs: the smallest number of any partition of the topic
    kcat -b "$KAFKA_BOOTSTRAP" -L -m 10 -t "$topic" 2>/dev/null |
        sed -nE 's/^    partition .*, '"$1"': ([0-9]+(,[0-9]+)*).*/\1/p' | awk -F , 'NR == 1 || NF < n {n = NF} END {print n + 0}'
}
in_step() { [ "$(copies isrs)" -ge "$1" ]; }
take() { # number: the n-th hundred records, each stored by as many nodes as the topic wants
    seq $((100 * $1)) $((100 * $1 + 99)) | timeout 90 kcat -P -b "$KAFKA_BOOTSTRAP" -t "$topic" -p -1 \
        -X acks=all -X message.timeout.ms=80000
}
stored() { timeout 60 kcat -C -b "$KAFKA_BOOTSTRAP" -t "$topic" -o beginning -e -q 2>/dev/null | sort -un | wc -l; }
# After a restart a partition shows only what its leader knows that the others have, which is what was written down
# last until they fetch again: a reader in that moment ends early.
holds() { [ "$(stored)" -eq "$1" ]; }

BROKERS=3 kafka_up
kafka_topics 3
is "clients are told three addresses" "$(tr -cd , <<<"$KAFKA_BOOTSTRAP")" ,,
is "three nodes answer" "$(nodes)" 3
is "every partition is kept three times" "$(copies replicas)" 3
is "two copies must be written" "$(kafka_sh tool "$work/kafka" kafka.admin.ConfigCommand --bootstrap-server "$KAFKA_BOOTSTRAP" \
    --entity-type topics --entity-name "$topic" --describe 2>&1 | grep -o '^  min.insync.replicas=[0-9]*')" '  min.insync.replicas=2'
check "records are taken" take 0

kafka_sh kill "$work/kafka" 2
is "a killed node is gone, the others are not" "$(for n in 1 2 3; do kafka_sh pid "$work/kafka" "$n" >/dev/null && printf %s "$n"; done)" 13
check "records are taken by two nodes" take 1
kafka_sh start "$work/kafka" >>"$work/servers.log" 2>&1
is "start brings up what is missing" "$?:$(nodes)" 0:3
check "the node catches up" within 90 in_step 3

kafka_sh signal "$work/kafka" 3 STOP
check "records are taken while a node is frozen" take 2
kafka_sh signal "$work/kafka" 3 CONT
check "the thawed node catches up" within 90 in_step 3

kafka_sh signal "$work/kafka" 1 STOP
began=$SECONDS
kafka_sh stop "$work/kafka"
is "all are stopped, a frozen one too" "$?:$(kafka_sh pid "$work/kafka" 1; kafka_sh pid "$work/kafka" 2; kafka_sh pid "$work/kafka" 3)" 0:
check "that takes no longer than promised" [ $((SECONDS - began)) -le 40 ]
before=$KAFKA_BOOTSTRAP
kafka_up
is "they come back at the same addresses" "$KAFKA_BOOTSTRAP" "$before"
check "and have every record" within 60 holds 300
kafka_sh start "$work/kafka" 4 >no-such-node.txt 2>&1
is "there is no node 4" $? 1
BROKERS=1 kafka_sh start "$work/kafka" >other.txt 2>&1
is "another number of nodes on the same data: exit" $? 64
has "another number of nodes: the remedy is named" "$(cat other.txt)" 'BROKERS=1: .*BROKERS=3'
kafka_sh kill "$work/kafka"
rm -rf "$work/kafka"

# --- one node behind a proxy ------------------------------------------------------------------------------

proxy=127.0.0.1:$(free_port)
KAFKA_ADVERTISED=$proxy kafka_up
is "clients are sent to the proxy" "$KAFKA_BOOTSTRAP" "$proxy"
has "and so says the broker itself" "$(kcat -b "$KAFKA_LISTEN" -L -m 10 2>&1)" "^  broker 1 at $proxy"
kafka_topics 1
KAFKA_BOOTSTRAP=$KAFKA_DIRECT
check "there is a way around it" take 0
