#!/usr/bin/env bash
# Apache Kafka (KRaft, one node or three) on loopback, without containers: jars from Maven Central, Debian's Java.
#   kafka.sh start DIR [PORT]             start; on a DIR that has data, go on with it at the same ports
#   BROKERS=3 kafka.sh start DIR          three nodes, each broker and controller; later: whatever is missing
#   kafka.sh start DIR N                  of three: only node N (1 to 3)
#   SECURE=1 kafka.sh start DIR           one that asks who comes, and looks up what he may do; stays so
#   kafka.sh topic DIR NAME PARTITIONS [key=value...]    create a topic unless it exists
#   kafka.sh tool DIR CLASS ARGS...       a Kafka command-line class (org.apache.kafka.tools.TopicCommand ...)
#   kafka.sh stop DIR [N] | kill DIR [N]  SIGTERM and wait | SIGKILL; all nodes, or node N
#   kafka.sh signal DIR N STOP|CONT|...   a signal to node N;  kafka.sh pid DIR [N] prints its process id
#   kafka.sh jars                         only fetch what it needs
# With three nodes everything is kept three times and written at least twice before it counts.
# DIR/env then holds KAFKA_BOOTSTRAP (all nodes, as clients reach them), KAFKA_PID (of the first node), KAFKA_PIDS,
# KAFKA_BROKERS, KAFKA_LISTEN (where they listen for clients) and KAFKA_DIRECT (around any proxy). What a node
# says: DIR/server.log, of three DIR/N/server.log.
# KAFKA_ADVERTISED=HOST:PORT at the first start: clients are told to come to that address, a proxy of yours that
# leads to KAFKA_LISTEN. Of three nodes: HOST:PORT,HOST:PORT,HOST:PORT, where an empty one stays without proxy.
# With SECURE=1: clients come by TLS with SASL (PLAIN or SCRAM-SHA-512) at KAFKA_BOOTSTRAP, or by TLS with a
# certificate at KAFKA_MTLS; an authorizer allows what an ACL grants, and `admin` everything. DIR/tls holds the
# authority (ca.pem) and certificates, DIR/secret/USER the password of each of KAFKA_USERS, DIR/admin.properties
# what Kafka's own tools need as --command-config.
# KAFKA_VERSION, KAFKA_HEAP (per node: -Xmx512m, of three -Xmx384m) and PX_CACHE change what their names say.
# KAFKA_JVM: the collector and compiler of a node's Java (-XX:+UseG1GC).
. "$(dirname "$0")/common.sh"

here=$(cd "$(dirname "$0")" && pwd)
version=${KAFKA_VERSION:-4.3.1}
cache=${PX_CACHE:-${HOME:-/tmp}/.cache/pixel-analytics}
jars=$cache/kafka-$version
java=$(command -v java || true)

from_maven() {
    mvn -q -B -f "$here/kafka.pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
        -Dkafka.version="$version" -DoutputDirectory="$part" || return 1
    rm -f "$part"/slf4j-reload4j-*.jar # the 3.x line brings a second logging binding
}
fetch_jars() { maven_once "$jars" kafka from_maven; }

tool() {
    "$java" -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
        -Dlog4j2.configurationFile="$dir/log-tool.xml" -cp "$jars/*" "$@"
}

log_config() { # level
    echo "<Configuration status='WARN'><Appenders><Console name='out'><PatternLayout" \
        "pattern='%d{HH:mm:ss.SSS} %-5p %c{1} %m%n'/></Console></Appenders>" \
        "<Loggers><Root level='$1'><AppenderRef ref='out'/></Root></Loggers></Configuration>"
}

# --- nodes -----------------------------------------------------------------------------------------------

# One node lives in DIR itself, three in DIR/1 to DIR/3.
home() { if [ "$brokers" -eq 1 ]; then echo "$dir"; else echo "$dir/$1"; fi; }
nodes() { seq "$brokers"; }
address() { # node advertised.listeners|listeners LISTENER: host:port, or nothing
    sed -nE "s/^$2=(.*,)?$3:..([^,]*).*/\2/p" "$(home "$1")/server.properties" 2>/dev/null
}
each_address() { # key LISTENER: of all nodes, with commas between
    local n
    for n in $(nodes); do address "$n" "$1" "$2"; done | paste -sd ,
}
# A data folder of an earlier version has no listener of its own for what goes around a proxy.
direct() {
    local all
    all=$(each_address advertised.listeners INTERNAL)
    echo "${all:-$(each_address advertised.listeners CLIENT)}"
}

# How many nodes DIR has is settled when it is formatted.
count_brokers() {
    local had=''
    brokers=${BROKERS:-1}
    [ ! -e "$dir/data/.formatted" ] || had=1
    [ ! -s "$dir/brokers" ] || had=$(cat "$dir/brokers")
    if [ "$command" = start ] && [[ ! $brokers =~ ^[13]$ ]]; then
        echo "kafka.sh: BROKERS=$brokers: give 1 or 3" >&2
        exit 64
    fi
    if [ "$command" = start ] && [ "${had:-$brokers}" != "${BROKERS:-${had:-1}}" ]; then
        echo "kafka.sh: BROKERS=$brokers: $dir holds $had; give BROKERS=$had, another folder, or remove it" >&2
        exit 64
    fi
    brokers=${had:-$brokers}
}

# --- security --------------------------------------------------------------------------------------------

users='admin svc-ingest svc-aggregator svc-metrics-api svc-operator svc-deployer'
secure() { [ -s "$dir/tls/ca.pem" ]; }
secret() { cat "$dir/secret/$1"; }
protocols() { if secure; then echo CLIENT:SASL_SSL,INTERNAL:SSL,CONTROLLER:SSL; else echo CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT; fi; }

# Nodes know each other by their certificate, which makes them, and only them and admin, almighty.
make_secrets() {
    local u
    (
        umask 077
        "$here/certs.sh" ca "$dir/tls" && "$here/certs.sh" issue "$dir/tls" broker DNS:localhost,IP:127.0.0.1 || exit 1
        openssl pkcs8 -topk8 -nocrypt -in "$dir/tls/broker.key" -out "$dir/tls/broker.p8" || exit 1
        cat "$dir/tls/broker.p8" "$dir/tls/broker.pem" "$dir/tls/ca.pem" >"$dir/tls/broker.both"
        mkdir -p "$dir/secret"
        for u in $users; do openssl rand -hex 16 >"$dir/secret/$u" || exit 1; done
        cat >"$dir/admin.properties" <<PROPERTIES
security.protocol=SASL_SSL
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="$(secret admin)";
ssl.truststore.type=PEM
ssl.truststore.location=$dir/tls/ca.pem
PROPERTIES
    ) || fail "certificates and passwords could not be made"
}

security() { # the lines of server.properties
    local u known=''
    for u in $users; do known+=" user_$u=\"$(secret "$u")\""; done
    cat <<CONF
ssl.keystore.type=PEM
ssl.keystore.location=$dir/tls/broker.both
ssl.truststore.type=PEM
ssl.truststore.location=$dir/tls/ca.pem
listener.name.internal.ssl.client.auth=required
listener.name.controller.ssl.client.auth=required
listener.name.client.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required$known;
listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:CN=broker;User:admin
CONF
}

# Topics are never made by being asked for. After a kill a node may register again only when its old session is
# over: keep that short. Nodes talk to each other on a listener of their own, so that a proxy before the
# clients' one is not between them.
configure() { # node
    local node=$1 copies=$brokers in_sync=$((brokers > 1 ? 2 : 1))
    cat <<CONF
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$voters
controller.listener.names=CONTROLLER
listeners=CLIENT://127.0.0.1:${client[$node]},INTERNAL://127.0.0.1:${internal[$node]},CONTROLLER://127.0.0.1:${control[$node]}
advertised.listeners=CLIENT://${advertised[$node]:-127.0.0.1:${client[$node]}},INTERNAL://127.0.0.1:${internal[$node]}
inter.broker.listener.name=INTERNAL
listener.security.protocol.map=$(protocols)
log.dirs=$(home "$node")/data
auto.create.topics.enable=false
offsets.topic.replication.factor=$copies
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$in_sync
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=$copies
share.coordinator.state.topic.min.isr=$in_sync
default.replication.factor=$copies
min.insync.replicas=$in_sync
group.initial.rebalance.delay.ms=0
log.segment.bytes=67108864
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
CONF
    if secure; then security; fi
}

new_port() { # sets port: free, and not given to another node just now
    while :; do
        port=$(free_port) || exit 1
        case " ${given[*]} " in *" $port "*) ;; *) break ;; esac
    done
    given+=("$port")
}

# Where the proxies before the nodes will be; an empty entry is a node without one.
read_advertised() {
    local n=0 entry
    [ -n "${KAFKA_ADVERTISED:-}" ] || return 0
    while IFS= read -r entry; do
        n=$((n + 1))
        if [[ ! $entry =~ ^([^:,/[:space:]]+:[0-9]+)?$ ]]; then n=99; fi
        advertised[n]=$entry
    done < <(tr ',' '\n' <<<"$KAFKA_ADVERTISED")
    [ "$n" -eq "$brokers" ] && return
    echo "kafka.sh: KAFKA_ADVERTISED=$KAFKA_ADVERTISED: give HOST:PORT for each of $brokers nodes, with commas between" >&2
    exit 64
}

format() { # [port]: fresh nodes with a cluster id of their own
    local n port u voters='' cluster scram=() pids=() given=("${1:-}") client=() internal=() control=() advertised=()
    read_advertised
    for n in $(nodes); do
        if [ "$n" -eq 1 ] && [ -n "${1:-}" ]; then port=$1; else new_port; fi
        client[n]=$port
        new_port && internal[n]=$port
        new_port && control[n]=$port
        voters+="${voters:+,}$n@127.0.0.1:$port"
    done
    log_config warn >"$dir/log-tool.xml"
    log_config info >"$dir/log-server.xml"
    if [ -n "${SECURE:-}" ]; then
        secure || make_secrets
        for u in $users; do scram+=(--add-scram "SCRAM-SHA-512=[name=$u,password=$(secret "$u")]"); done
    fi
    cluster=$(head -c 16 /dev/urandom | base64 | tr '+/' 'Aa' | tr -d '=')
    for n in $(nodes); do
        rm -rf "$(home "$n")/data" # of a format that was interrupted
        mkdir -p "$(home "$n")/data"
        (umask 077 && configure "$n" >"$(home "$n")/server.properties")
        tool kafka.tools.StorageTool format -t "$cluster" -c "$(home "$n")/server.properties" \
            "${scram[@]}" >"$(home "$n")/format.log" 2>&1 &
        pids+=($!)
    done
    for n in $(nodes); do
        wait "${pids[$((n - 1))]}" || fail "formatting failed; see $(home "$n")/format.log"
    done
    [ "$brokers" -eq 1 ] || echo "$brokers" >"$dir/brokers"
    for n in $(nodes); do touch "$(home "$n")/data/.formatted"; done
}

# The pid in the file may be somebody else's by now.
ours() { running "$2" && tr '\0' '\n' <"/proc/$2/cmdline" | grep -qxF "$(home "$1")/server.properties"; }
pid_of() { # node: its process, if it runs
    local p
    p=$(pid_in "$(home "$1")/pid") && ours "$1" "$p" && echo "$p"
}

# --- life ------------------------------------------------------------------------------------------------

# Each node that was started is known to one that answers: the others may be down on purpose.
by_certificate() {
    secure || return 0
    printf '%s\n' -X security.protocol=ssl -X "ssl.ca.location=$dir/tls/ca.pem" \
        -X "ssl.certificate.location=$dir/tls/broker.pem" -X "ssl.key.location=$dir/tls/broker.key"
}
listed() {
    local how
    mapfile -t how < <(by_certificate)
    timeout 5 kcat -b "$(direct)" "${how[@]}" -L -m 2 2>/dev/null | sed -nE 's/^  broker ([0-9]+) at .*/\1/p'
}
all_listed() {
    local n now
    now=$(listed)
    for n in "${begun[@]}"; do grep -qx "$n" <<<"$now" || return 1; done
}
one_ended() {
    local n
    for n in "${begun[@]}"; do running "$(pid_in "$(home "$n")/pid")" || return 0; done
    return 1
}
up_or_dead() { all_listed || one_ended; }

launch() { # node
    local heap=${KAFKA_HEAP:--Xmx512m}
    [ "$brokers" -eq 1 ] || heap=${KAFKA_HEAP:--Xmx384m}
    # shellcheck disable=SC2086 # several options in one variable
    setsid "$java" -Xms128m $heap ${KAFKA_JVM:--XX:+UseG1GC} -Djava.awt.headless=true \
        -Dlog4j2.configurationFile="$dir/log-server.xml" -cp "$jars/*" \
        kafka.Kafka "$(home "$1")/server.properties" >>"$(home "$1")/server.log" 2>&1 </dev/null &
    echo $! >"$(home "$1")/pid"
    begun+=("$1")
}

announce() {
    local n running_now=''
    for n in $(nodes); do running_now+="${running_now:+ }$(pid_of "$n")"; done
    cat >"$dir/env" <<ENV
KAFKA_BOOTSTRAP=$(each_address advertised.listeners CLIENT)
KAFKA_LISTEN=$(each_address listeners CLIENT)
KAFKA_DIRECT=$(direct)
KAFKA_BROKERS=$brokers
KAFKA_PID=$(pid_of 1)
KAFKA_PIDS='$running_now'
ENV
    if secure; then echo "KAFKA_MTLS=$(direct) KAFKA_TLS='$dir/tls' KAFKA_SECRETS='$dir/secret' KAFKA_USERS='$users'" >>"$dir/env"; fi
}

start() {
    local n wanted begun=()
    wanted=$(nodes)
    if [ "$brokers" -gt 1 ] && [ $# -gt 0 ]; then
        a_node "$1"
        wanted=$1
        shift
    elif [ "$brokers" -eq 1 ] && [ -n "$(pid_of 1)" ]; then
        fail "$dir: running already, pid $(pid_of 1)"
    fi
    [ -n "$java" ] || fail "java is missing: make deps-stack"
    fetch_jars
    [ -e "$(home "$brokers")/data/.formatted" ] || format "${1:-}"
    for n in $wanted; do [ -n "$(pid_of "$n")" ] || launch "$n"; done
    # Asked once: what the others say of a node that was killed a moment ago changes from one look to the next.
    if ! until_true $((60 + 30 * brokers)) up_or_dead || one_ended; then
        n=${begun[0]}
        stop "${begun[@]}"
        tail -n 5 "$(home "$n")/server.log" >&2
        fail "Kafka did not come up; see $(home "$n")/server.log"
    fi
    announce
}

a_node() { [[ $1 =~ ^[0-9]+$ && $1 -ge 1 && $1 -le $brokers ]] || fail "$1: there are nodes 1 to $brokers"; }

# All are asked first: one after the other would take the majority from those that are still ending.
stop() { # nodes...
    local n p end=$((SECONDS + 15 + 5 * brokers))
    for n in "$@"; do
        p=$(pid_of "$n") || continue
        kill "$p" 2>/dev/null
        kill -s CONT "$p" 2>/dev/null # a frozen one would never hear it
    done
    for n in "$@"; do
        if p=$(pid_of "$n"); then
            until_true $((end - SECONDS)) gone "$p" || kill -9 "$p" 2>/dev/null
            until_true 5 gone "$p" || fail "pid $p does not end"
        fi
        rm -f "$(home "$n")/pid"
    done
}

kill_hard() { # nodes...
    local n p
    for n in "$@"; do
        if p=$(pid_of "$n"); then
            kill -9 "$p" 2>/dev/null
            until_true 5 gone "$p"
        fi
        rm -f "$(home "$n")/pid"
    done
}

signal() { # node signal
    local p
    a_node "$1"
    p=$(pid_of "$1") || fail "node $1 of $dir does not run"
    kill -s "$2" "$p"
}

topic() { # name partitions key=value...
    local name=$1 partitions=$2 settings=() s
    shift 2
    if secure; then settings+=(--command-config "$dir/admin.properties"); KAFKA_DIRECT=''; fi
    [ "$brokers" -eq 1 ] || settings+=(--config min.insync.replicas=2)
    for s in "$@"; do settings+=(--config "$s"); done
    tool org.apache.kafka.tools.TopicCommand --bootstrap-server "${KAFKA_DIRECT:-$KAFKA_BOOTSTRAP}" --create --if-not-exists \
        --topic "$name" --partitions "$partitions" --replication-factor "$brokers" "${settings[@]}"
}

usage() { sed -n '3,12s/^# *//p' "$0" >&2; exit 64; }

[ "${1:-}" = jars ] && { fetch_jars; exit 0; }
[ $# -ge 2 ] || usage
command=$1
mkdir -p "$2" && dir=$(cd "$2" && pwd) || fail "$2: cannot be made"
shift 2
count_brokers
case $command in
topic | tool)
    [ -s "$dir/env" ] || fail "$dir: nothing was started there"
    # shellcheck disable=SC1091
    . "$dir/env"
    "$command" "$@"
    ;;
start) start "$@" ;;
stop | kill)
    if [ $# -gt 0 ]; then a_node "$1"; else mapfile -t all < <(nodes) && set -- "${all[@]}"; fi
    if [ "$command" = stop ]; then stop "$@"; else kill_hard "$@"; fi
    ;;
signal)
    [ $# -eq 2 ] || usage
    signal "$@"
    ;;
pid)
    a_node "${1:-1}"
    pid_of "${1:-1}"
    ;;
*) usage ;;
esac
