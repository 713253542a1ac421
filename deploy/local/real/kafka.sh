#!/usr/bin/env bash
# Apache Kafka (KRaft, one node) on loopback, without containers: jars from Maven Central, Debian's Java.
#   kafka.sh start DIR [PORT]             start; on a DIR that has data, go on with it at the same port
#   kafka.sh topic DIR NAME PARTITIONS [key=value...]    create a topic unless it exists
#   kafka.sh tool DIR CLASS ARGS...       a Kafka command-line class (org.apache.kafka.tools.TopicCommand ...)
#   kafka.sh stop DIR | kill DIR          SIGTERM and wait | SIGKILL
#   kafka.sh jars                         only fetch what it needs
# DIR/env then holds KAFKA_BOOTSTRAP and KAFKA_PID, DIR/server.log what the broker says.
# KAFKA_VERSION, KAFKA_HEAP (-Xmx512m) and PX_CACHE change what their names say.
. "$(dirname "$0")/common.sh"

here=$(cd "$(dirname "$0")" && pwd)
version=${KAFKA_VERSION:-4.3.1}
cache=${PX_CACHE:-${HOME:-/tmp}/.cache/pixel-analytics}
jars=$cache/kafka-$version
java=$(command -v java || true)

# Complete or absent: fetched beside its place and moved there, by one process at a time.
fetch_jars() {
    [ -e "$jars/.complete" ] && return 0
    command -v mvn >/dev/null || fail "mvn is missing: make deps-stack"
    mkdir -p "$cache"
    exec 9>"$cache/kafka.lock"
    flock -w 600 9 || fail "$cache/kafka.lock is held for 10 minutes"
    if [ ! -e "$jars/.complete" ]; then
        rm -rf "$jars" "$jars.part"
        mvn -q -B -f "$here/kafka.pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
            -Dkafka.version="$version" -DoutputDirectory="$jars.part" >"$cache/kafka-fetch.log" 2>&1 ||
            fail "Maven could not fetch Kafka $version; see $cache/kafka-fetch.log"
        rm -f "$jars.part"/slf4j-reload4j-*.jar # the 3.x line brings a second logging binding
        touch "$jars.part/.complete"
        mv "$jars.part" "$jars"
    fi
    exec 9>&-
}

tool() {
    "$java" -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
        -Dlog4j2.configurationFile="$dir/log-tool.xml" -cp "$jars/*" "$@"
}

log_config() { # level
    echo "<Configuration status='WARN'><Appenders><Console name='out'><PatternLayout" \
        "pattern='%d{HH:mm:ss.SSS} %-5p %c{1} %m%n'/></Console></Appenders>" \
        "<Loggers><Root level='$1'><AppenderRef ref='out'/></Root></Loggers></Configuration>"
}

# Replication is 1 everywhere because there is one node; topics are never made by being asked for. After a
# kill the node may register again only when its old session is over: keep that short.
configure() { # port controller_port
    cat <<CONF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$2
controller.listener.names=CONTROLLER
listeners=CLIENT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2
advertised.listeners=CLIENT://127.0.0.1:$1
inter.broker.listener.name=CLIENT
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
default.replication.factor=1
min.insync.replicas=1
group.initial.rebalance.delay.ms=0
log.segment.bytes=67108864
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
CONF
}

format() { # port: a fresh node with its own cluster id
    mkdir -p "$dir/data"
    log_config warn >"$dir/log-tool.xml"
    log_config info >"$dir/log-server.xml"
    configure "$1" "$(free_port)" >"$dir/server.properties"
    tool kafka.tools.StorageTool format -t "$(tool kafka.tools.StorageTool random-uuid)" \
        -c "$dir/server.properties" >"$dir/format.log" 2>&1 || fail "formatting failed; see $dir/format.log"
    touch "$dir/data/.formatted"
}

# The pid in the file may be somebody else's by now.
ours() { running "$1" && tr '\0' '\n' <"/proc/$1/cmdline" | grep -qxF "$dir/server.properties"; }

answers() { timeout 5 kcat -b "$bootstrap" -L -m 2 2>/dev/null | grep -q '^  broker '; }
up_or_dead() { answers || gone "$pid"; }

start() {
    pid=$(pid_in "$dir/pid") && ours "$pid" && fail "$dir: running already, pid $pid"
    [ -n "$java" ] || fail "java is missing: make deps-stack"
    fetch_jars
    [ -e "$dir/data/.formatted" ] || format "${1:-$(free_port)}"
    bootstrap=$(sed -n 's/^advertised.listeners=CLIENT:..//p' "$dir/server.properties")
    # shellcheck disable=SC2086 # several options in one variable
    setsid "$java" -Xms128m ${KAFKA_HEAP:--Xmx512m} -XX:+UseG1GC -Djava.awt.headless=true \
        -Dlog4j2.configurationFile="$dir/log-server.xml" -cp "$jars/*" \
        kafka.Kafka "$dir/server.properties" >>"$dir/server.log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$dir/pid"
    until_true 90 up_or_dead
    answers || { stop; tail -n 5 "$dir/server.log" >&2; fail "Kafka did not come up; see $dir/server.log"; }
    printf 'KAFKA_BOOTSTRAP=%s\nKAFKA_PID=%s\n' "$bootstrap" "$pid" >"$dir/env"
}

stop() {
    pid=$(pid_in "$dir/pid") || return 0
    if ours "$pid"; then
        kill "$pid" 2>/dev/null
        until_true 15 gone "$pid" || kill -9 "$pid" 2>/dev/null
        until_true 5 gone "$pid" || fail "pid $pid does not end"
    fi
    rm -f "$dir/pid"
}

topic() { # name partitions key=value...
    local name=$1 partitions=$2 settings=() s
    shift 2
    for s in "$@"; do settings+=(--config "$s"); done
    tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$KAFKA_BOOTSTRAP" --create --if-not-exists \
        --topic "$name" --partitions "$partitions" --replication-factor 1 "${settings[@]}"
}

usage() { sed -n '3,9s/^# *//p' "$0" >&2; exit 64; }

[ "${1:-}" = jars ] && { fetch_jars; exit 0; }
[ $# -ge 2 ] || usage
command=$1
mkdir -p "$2" && dir=$(cd "$2" && pwd) || fail "$2: cannot be made"
shift 2
case $command in
topic | tool)
    [ -s "$dir/env" ] || fail "$dir: nothing was started there"
    # shellcheck disable=SC1091
    . "$dir/env"
    "$command" "$@"
    ;;
start) start "$@" ;;
stop) stop ;;
kill)
    pid=$(pid_in "$dir/pid") || exit 0
    if ours "$pid"; then
        kill -9 "$pid" 2>/dev/null
        until_true 5 gone "$pid"
    fi
    rm -f "$dir/pid"
    ;;
*) usage ;;
esac
