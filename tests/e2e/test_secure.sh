#!/usr/bin/env bash
# A broker that asks who comes and looks up what he may do: topics and permissions made by
# `svc-aggregator --topics`, the whole path with a user per service, what each of them must not do, certificates
# that are wrong, and permissions that go away while the services run.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
export SECURE=1
kafka_up
unset SECURE
group=pixel-analytics-aggregator
tls=$KAFKA_TLS secrets=$KAFKA_SECRETS sasl=$KAFKA_BOOTSTRAP mtls=$KAFKA_MTLS
as() { # user: our programs come as that one from now on
    kafka=(--set "Kafka:BootstrapServers=$sasl" --set Kafka:SecurityProtocol=SASL_SSL --set Kafka:SaslMechanism=PLAIN
        --set "Kafka:Username=$1" --set "Kafka:PasswordFile=$secrets/$1" --set "Kafka:CaFile=$tls/ca.pem")
}
database=(--set Sql:Dialect=sqlite --set "Sql:ConnectionString=Driver={SQLite3};Database=$work/secure.db")
sql() { sqlite3 -cmd '.timeout 5000' "$work/secure.db" "$1" 2>&1; }
ours() { # ingest|aggregator options...: its output is in $out, its status in $status
    out=$(timeout 40 "$bin/svc-$1" "${kafka[@]}" "${any_port[@]}" "${@:2}" 2>&1 </dev/null)
    status=$?
}
topics() { ours aggregator --topics="$1" --file "$work/topics.yaml" "${@:2}"; }
summary() { tail -n 1 <<<"$out"; }
cat_as() { # user kcat-options...
    local user=$1
    shift
    out=$(timeout 10 kcat -b "$sasl" -X security.protocol=sasl_ssl -X sasl.mechanism=PLAIN -X "sasl.username=$user" \
        -X "sasl.password=$(cat "$secrets/$user")" -X "ssl.ca.location=$tls/ca.pem" "$@" 2>&1 </dev/null)
}
kafka_tool() { # user class arguments...: one of Kafka's own, started as that user
    sed "s/\"admin\"/\"$1\"/; s/password=\"[^\"]*\"/password=\"$(cat "$secrets/$1")\"/" "$work/kafka/admin.properties" >"$work/$1.properties"
    out=$(kafka_sh tool "$work/kafka" "$2" --bootstrap-server "$sasl" --command-config "$work/$1.properties" "${@:3}" 2>&1)
}
mark() { wc -l <"$work/kafka/server.log"; }
# The broker's own record of a refusal: who, what, on which resource.
denied_now() { tail -n "+$((from + 1))" "$work/kafka/server.log" | grep -qE "Principal = User:$1 is Denied operation = $2 .* on resource = $3"; }
denied() { # name principal operation resource
    check "forbidden: $1: the broker refused $2 $3 on $4" within 5 denied_now "$2" "$3" "$4"
}

# --- topics and permissions ----------------------------------------------------------------------------------
# One broker: the file as shipped but for the number of copies. The first deployer gets his rights from an admin.

sed 's/replication: 3/replication: 1/; s/replicas, value: 2/replicas, value: 1/' "$root/deploy/kafka/topics.yaml" >topics.yaml
{ echo 'topics: []' && echo 'principals:' && sed -n '/principal: User:svc-deployer/,$p' topics.yaml; } >deployer.yaml
as admin
ours aggregator --topics=apply --file deployer.yaml
is "an admin makes the deployer" "$status" 0
as svc-deployer
topics plan
is "--topics=plan: 0" "$status" 0
has "--topics=plan: topics" "$out" "^would +create +topic $topic: 10 partitions, replication 1, min.insync.replicas=1,.*retention.ms=259200000"
has "--topics=plan: permissions" "$out" "^would +grant +User:svc-ingest may WRITE on topic $topic\$"
topics verify
is "--topics=verify: 1 before" "$status" 1
topics apply
is "--topics=apply as svc-deployer: 0" "$status" 0
has "--topics=apply: all of it" "$(summary)" '^3 topics, 32 permissions: 25 done, 0 differences$'
topics apply
has "--topics=apply again: nothing left to do" "$status $(summary)" '^0 .* 0 done, 0 differences$'
topics verify --json
has "--topics=verify --json: all is as the file says" "$status $out" '^0 \{"summary":\{"topics":3,"permissions":32,"done":0,"differences":0\}\}$'

# --- what differs --------------------------------------------------------------------------------------------------

sed 's/259200000/86400000/; s/1209600000/1300000000/' topics.yaml >other.yaml
ours aggregator --topics=apply --file other.yaml
is "--topics=apply with less retention: 1, it waits for a word" "$status" 1
has "--topics=apply: what loses records is left" "$out" "^left +set +topic $topic: retention.ms is 259200000, wanted 86400000 \(only with --yes: older records are deleted\)"
has "--topics=apply: more retention is set" "$out" "^done +set +topic $dlq: retention.ms is 1209600000, wanted 1300000000"
ours aggregator --topics=apply --file other.yaml --yes
is "--topics=apply --yes: 0" "$status" 0
ours aggregator --topics=verify --file other.yaml
is "one setting changed, the others stayed" "$status $(summary)" '0 3 topics, 32 permissions: 0 done, 0 differences'
sed 's/^  - of: events$/&\n    partitions: 12/' topics.yaml >more.yaml
ours aggregator --topics=apply --file more.yaml
has "--topics=apply: partitions grow only with a word" "$out" "^left +grow +topic $topic: partitions 10, wanted 12 \(only with --yes"
topics apply --yes
is "back to the file" "$status" 0
as admin
sed 's/on: cluster, operations: \[alter\]/on: cluster, operations: [alter, describe-configs]/' topics.yaml >excess.yaml
ours aggregator --topics=apply --file excess.yaml
as svc-deployer
topics verify
has "--topics=verify: 1, names what is too much" "$status $out" '^1 differs +excess +User:svc-deployer may DESCRIBE_CONFIGS on cluster kafka-cluster \(take it away with kafka-acls'

# --- the whole path, a user for each service ----------------------------------------------------------------------

as svc-aggregator
migrate
ours aggregator "${database[@]}" --check
is "aggregator --check as svc-aggregator: 0" "$status" 0
has "aggregator --check: it may read" "$out" "^ok +kafka.read .*group $group"
# Hears of a permission that went away by metadata, not by what it fetches: librdkafka tells nobody then.
aggregator_up agg --set Kafka:Properties=topic.metadata.refresh.interval.ms=50
as svc-ingest
ours ingest --set Ingest:Port=0 --check
is "ingest --check as svc-ingest: 0" "$status" 0
has "ingest --check: it may write" "$out" '^ok +kafka.write .*allowed'
ingest_up ingest
api_up api
for name in ingest agg api; do ready "$name" 30; done
load_up load ingest --rate 500 --duration 3s --seed 21 --players 500 --book "$work/book"
ended load 30
is "px-load: every request was answered as expected" "$status" 0
need "everything acknowledged is folded in" within 30 folded_is "$(truth load acked)"
printf '%s\n' security.protocol=SASL_SSL sasl.mechanism=PLAIN sasl.username=admin "sasl.password=$(cat "$secrets/admin")" \
    "ssl.ca.location=$tls/ca.pem" >ledger.conf
ledger=$("$bin/px-ledger" --kafka "$sasl" --kafka-config ledger.conf --sql-dialect sqlite \
    --sql "Driver={SQLite3};Database=$work/secure.db" --api "127.0.0.1:$(port api server.port)" --book "$work/book" --wait 20 2>&1)
is "log, SQL, API and the sender's book agree" "$? $(tail -n 1 <<<"$ledger")" '0 ledger: exact'

# --- what nobody may --------------------------------------------------------------------------------------------------
# Our own programs where they do it, and they name principal, operation and resource; kcat and Kafka's tools elsewhere.

says() { # name user operation resource
    has "forbidden: $1: our program names it" "$out" "User:$2 may not $3 on $4"
}
from=$(mark)
as svc-ingest
ours aggregator "${database[@]}" --check
says "ingest reads events" svc-ingest READ "topic $topic"
denied "ingest reads events" svc-ingest READ "Topic:LITERAL:$topic"
cat_as svc-ingest -C -t "$dlq" -e
denied "ingest reads dead letters" svc-ingest READ "Topic:LITERAL:$dlq"
cat_as svc-ingest -G "$group" "$topic"
denied "ingest joins the aggregator's group" svc-ingest '(DESCRIBE|READ)' "Group:LITERAL:$group"
ours aggregator --topics=apply --file topics.yaml
is "forbidden: ingest runs --topics: 77" "$status" 77
says "ingest runs --topics" svc-ingest DESCRIBE '(cluster kafka-cluster|topic ERS_)'
kafka_tool svc-ingest org.apache.kafka.tools.TopicCommand --create --topic mine --partitions 1
denied "ingest makes a topic" svc-ingest CREATE 'Topic:LITERAL:mine'
as svc-aggregator
ours ingest --set Ingest:Port=0 --check
says "aggregator writes events" svc-aggregator WRITE "topic $topic"
denied "aggregator writes events" svc-aggregator WRITE "Topic:LITERAL:$topic"
ours aggregator "${database[@]}" --dlq=list
is "forbidden: aggregator reads dead letters: 77" "$status" 77
says "aggregator reads dead letters" svc-aggregator READ "topic $dlq"
denied "aggregator reads dead letters" svc-aggregator READ "Topic:LITERAL:$dlq"
ours aggregator "${database[@]}" --set Kafka:GroupId=other --check
says "aggregator uses another group" svc-aggregator READ 'group other'
denied "aggregator uses another group" svc-aggregator '(DESCRIBE|READ)' 'Group:LITERAL:other'
kafka_tool svc-aggregator org.apache.kafka.tools.TopicCommand --delete --topic "$dlq"
denied "aggregator deletes a topic" svc-aggregator DELETE "Topic:LITERAL:$dlq"
kafka_tool svc-aggregator kafka.admin.ConfigCommand --alter --entity-type topics --entity-name "$topic" --add-config retention.ms=999
denied "aggregator changes settings" svc-aggregator ALTER_CONFIGS "Topic:LITERAL:$topic"
as svc-metrics-api
ours ingest --set Ingest:Port=0 --check
says "the API looks at a topic" svc-metrics-api DESCRIBE "topic $topic"
denied "the API looks at a topic" svc-metrics-api DESCRIBE "Topic:LITERAL:$topic"
cat_as svc-metrics-api -P -t "$topic" -p 0 -l /etc/hostname
denied "the API writes" svc-metrics-api '(DESCRIBE|WRITE)' "Topic:LITERAL:$topic"
as svc-deployer
ours aggregator "${database[@]}" --check
says "the deployer reads events" svc-deployer READ "topic $topic"
denied "the deployer reads events" svc-deployer READ "Topic:LITERAL:$topic"
as svc-operator
ours aggregator "${database[@]}" --check
says "the operator reads events" svc-operator READ "topic $topic"
says "the operator writes dead letters" svc-operator WRITE "topic $dlq"
kafka=(--set "Kafka:BootstrapServers=$sasl" --set Kafka:SecurityProtocol=SASL_SSL --set Kafka:SaslMechanism=PLAIN
    --set Kafka:Username=stranger --set "Kafka:PasswordFile=$secrets/admin" --set "Kafka:CaFile=$tls/ca.pem")
fails() { # name options... pattern: ingest --check, of which nothing but the connection or its options fails
    local name=$1 pattern=${*: -1}
    ours ingest --set Ingest:Port=0 --check "${@:2:$#-2}"
    has "$name: 1, and says why" "$status $(grep ^FAIL <<<"$out")" "^1 FAIL +kafka\.(connect|security) .*$pattern"
    is "$name: nothing else is asked" "$(grep -c ^FAIL <<<"$out")" 1
}
fails "forbidden: an unknown user" 'refuse the log-in of User:stranger: check Kafka:Username'
kafka=(--set "Kafka:BootstrapServers=$sasl" --set Kafka:SecurityProtocol=SSL --set "Kafka:CaFile=$tls/ca.pem")
fails "forbidden: nobody in particular" 'Kafka at 127.0.0.1'

# --- certificates ---------------------------------------------------------------------------------------------------------
# Brokers with a wrong certificate are stood in for by openssl: what is tried is over before Kafka is spoken.

"$real/certs.sh" ca "$work/foreign" && CERT_DAYS=-1 "$real/certs.sh" issue "$work/foreign" old DNS:localhost,IP:127.0.0.1 &&
    "$real/certs.sh" issue "$work/foreign" elsewhere DNS:elsewhere.test && "$real/certs.sh" issue "$work/foreign" guest &&
    CERT_DAYS=-1 "$real/certs.sh" issue "$tls" late && "$real/certs.sh" issue "$tls" svc-ingest || die "certificates were made"
tls_up() { # name: a TLS server with that certificate; its port in $tls_port
    tls_port=$(free_port)
    launch "$1" openssl s_server -accept "127.0.0.1:$tls_port" -cert "$work/foreign/$1.pem" -key "$work/foreign/$1.key" -quiet
    within 10 listening "$tls_port" || die "openssl listens"
}
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
as svc-ingest
tls_up old
fails "the broker's certificate is too old" --set "Kafka:BootstrapServers=127.0.0.1:$tls_port" --set "Kafka:CaFile=$work/foreign/ca.pem" \
    'certificate \(CN=old\) expired at 20[0-9-]*T[0-9:.]*Z: renew it'
tls_up elsewhere
fails "the broker's certificate names another host" --set "Kafka:BootstrapServers=127.0.0.1:$tls_port" \
    --set "Kafka:CaFile=$work/foreign/ca.pem" 'certificate \(CN=elsewhere\) is not for this host'
fails "the authority is another one" --set "Kafka:CaFile=$work/foreign/ca.pem" 'an authority that is not known here .*Kafka:CaFile'
ours ingest --set Kafka:Properties=ssl.endpoint.identification.algorithm=none --check
has "the host's name cannot be left unchecked" "$out" 'ssl.endpoint.identification.algorithm cannot be set there: a broker'
fails "a password that is not there" --set Kafka:PasswordFile= 'needs a password: name a file that holds it with Kafka:PasswordFile'
fails "a user name without SASL" --set Kafka:SecurityProtocol=SSL 'Kafka:SaslMechanism is set, but Kafka:SecurityProtocol SSL sends no user name'
fails "an authority's file that is not there" --set Kafka:CaFile=absent.pem 'Kafka:CaFile: absent.pem: No such file'
fails "a mechanism that is not offered" --set Kafka:SaslMechanism=SCRAM-SHA-256 'does not offer this Kafka:SaslMechanism'
fails "SCRAM against Kafka 4 by an old librdkafka" --set Kafka:SaslMechanism=SCRAM-SHA-512 'librdkafka before 2.6.1 fails SCRAM against Kafka 4'
kafka=(--set "Kafka:BootstrapServers=$sasl")
fails "no TLS at a port that wants it" 'the listener hangs up: when it wants TLS, set Kafka:SecurityProtocol'
kafka=(--set "Kafka:BootstrapServers=127.0.0.1:$(port api server.port)" --set Kafka:SecurityProtocol=SSL)
fails "TLS at a port without" 'the listener speaks no TLS'
kafka=(--set "Kafka:BootstrapServers=$mtls" --set Kafka:SecurityProtocol=SSL --set "Kafka:CaFile=$tls/ca.pem")
by() { mine=(--set "Kafka:CertificateFile=$1.pem" --set "Kafka:KeyFile=${2:-$1}.key"); } # certificate [key]
fails "no certificate where one is wanted" 'wants a client certificate: set Kafka:CertificateFile and Kafka:KeyFile'
by "$work/foreign/guest"
fails "a certificate of a foreign authority" "${mine[@]}" 'do not accept the client certificate'
by "$tls/late"
fails "a certificate of ours that is too old" "${mine[@]}" 'Kafka:CertificateFile: .*late.pem: the certificate CN=late expired at'
by "$tls/svc-ingest" "$tls/late"
fails "a key that belongs to another one" "${mine[@]}" 'Kafka:KeyFile: .*late.key is not the key of this certificate'
by "$tls/svc-ingest"
chmod 644 "$tls/svc-ingest.key"
ours ingest --set Ingest:Port=0 --check "${mine[@]}"
has "by certificate: the principal is its subject, and what it may is asked" "$out" 'User:CN=svc-ingest may not DESCRIBE on topic'
has "by certificate: a key that everybody can read" "$out" '^warn +kafka.advice .*every user can read .*svc-ingest.key'
chmod 600 "$tls/svc-ingest.key"
sed 's/User:svc-ingest/User:CN=svc-ingest/' topics.yaml >certificate.yaml
as svc-deployer
ours aggregator --topics=apply --file certificate.yaml
kafka=(--set "Kafka:BootstrapServers=$mtls" --set Kafka:SecurityProtocol=SSL --set "Kafka:CaFile=$tls/ca.pem")
ours ingest --set Ingest:Port=0 --check "${mine[@]}"
is "by certificate: granted to the subject, all is well" "$status" 0

# --- permissions that go away ------------------------------------------------------------------------------------------------

visit() { get "http://127.0.0.1:$(port ingest server.port)/api/pixel/visit?playerId=p-$1&bannerTag=b"; }
answers() { [ "$(visit "$RANDOM")" = "$1" ]; }
refusal_told() { visit "$RANDOM" >/dev/null && grep -qE "log.refuses.*User:svc-ingest may not WRITE on topic $topic" ingest.log; }
cpu() { awk '{print $14 + $15}' "/proc/${pids[ingest]}/stat"; } # in 1/100 s
is "before: an event is taken" "$(visit 1)" 200
kafka_tool admin org.apache.kafka.tools.AclCommand --remove --force --allow-principal User:svc-ingest --allow-principal User:svc-aggregator \
    --operation WRITE --operation READ --topic "$topic"
need "WRITE is taken from ingest: 503" within 20 answers 503
has "503 says what it is" "$(head_field X-Error-Code)" '^log_refused$'
check "ingest logs who may not do what" within 10 refusal_told
ended agg 30
is "READ is taken from the aggregator: it ends with the status for permissions" "$status" 77
has "and it says who may not do what" "$(tail -n 5 agg.log)" "aggregator.halted.*User:svc-aggregator may not READ on topic $topic"
used=$(cpu)
for i in $(seq 20); do visit "busy-$i" >/dev/null; done
check "ingest does not turn in circles" test $(($(cpu) - used)) -lt 50
as svc-deployer
topics verify
has "--topics=verify: names what is missing" "$status $out" "^1 differs +grant +User:svc-ingest may WRITE on topic $topic"
topics apply
need "granted again: 200 without a restart" within 30 answers 200
as svc-aggregator
aggregator_up agg
stored() { echo $(($(metric ingest px_events_accepted_total))); }
caught_up() { [ "$(folded)" = "$(stored)" ]; }
check "a new aggregator applies what came meanwhile" within 30 caught_up
