#!/usr/bin/env bash
# SCRAM-SHA-512 with Debian's librdkafka, which cannot do it against Kafka 4: on Kafka 3.9. Not part of
# `make test`, because it fetches another Kafka (59 MiB, once); `make test-scram` runs it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
export SECURE=1 KAFKA_VERSION=3.9.2
kafka_up
as() { # user [password-file]
    kafka=(--set "Kafka:BootstrapServers=$KAFKA_BOOTSTRAP" --set Kafka:SecurityProtocol=SASL_SSL --set Kafka:SaslMechanism=SCRAM-SHA-512
        --set "Kafka:Username=$1" --set "Kafka:PasswordFile=${2:-$KAFKA_SECRETS/$1}" --set "Kafka:CaFile=$KAFKA_TLS/ca.pem")
}
database=(--set Sql:Dialect=sqlite --set "Sql:ConnectionString=Driver={SQLite3};Database=$work/scram.db")
sql() { sqlite3 -cmd '.timeout 5000' "$work/scram.db" "$1" 2>&1; }
ours() { # ingest|aggregator options...
    out=$(timeout 40 "$bin/svc-$1" "${kafka[@]}" "${any_port[@]}" "${@:2}" 2>&1 </dev/null)
    status=$?
}

sed 's/replication: 3/replication: 1/; s/replicas, value: 2/replicas, value: 1/' "$root/deploy/kafka/topics.yaml" >topics.yaml
as admin
ours aggregator --topics=apply --file topics.yaml
is "--topics=apply by SCRAM: 0" "$status" 0
as svc-ingest "$KAFKA_SECRETS/admin"
ours ingest --set Ingest:Port=0 --check
has "a wrong password" "$status $out" '^1 .*' && has "is said so" "$out" 'refuse the log-in of User:svc-ingest'
as svc-aggregator
migrate
ours aggregator "${database[@]}" --check
is "aggregator --check by SCRAM: 0" "$status" 0
aggregator_up agg
as svc-ingest
ours ingest --set Ingest:Port=0 --check
is "ingest --check by SCRAM: 0" "$status" 0
ingest_up ingest
for name in ingest agg; do ready "$name" 30; done
load_up load ingest --rate 300 --duration 3s --seed 31
ended load 30
is "px-load: every request was answered as expected" "$status" 0
check "everything acknowledged is folded in" within 30 folded_is "$(truth load acked)"
