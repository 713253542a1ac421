#!/usr/bin/env bash
# A schema registry with Confluent's REST API on loopback: Apicurio Registry 2 from Maven Central, on Debian's
# Java 17 (version 3 needs 21). Schemas and ids are kept in DIR: what was stopped or killed goes on with them.
#   registry.sh start DIR [PORT]    start; later starts use the same port
#   registry.sh stop DIR | kill DIR SIGTERM and wait | SIGKILL
#   registry.sh freeze DIR | thaw DIR   SIGSTOP | SIGCONT: it takes connections and does not answer
#   registry.sh jars                only fetch what it needs
# DIR/env then holds REGISTRY_URL and REGISTRY_PID; what it says is in DIR/server.log.
# REGISTRY_VERSION, REGISTRY_HEAP (-Xmx256m) and PX_CACHE change what their names say.
. "$(dirname "$0")/common.sh"

version=${REGISTRY_VERSION:-2.6.13.Final}
cache=${PX_CACHE:-${HOME:-/tmp}/.cache/pixel-analytics}
home=$cache/apicurio-$version
java=$(command -v java || true)

from_maven() {
    mvn -q -B dependency:copy -Dartifact="io.apicurio:apicurio-registry-app:$version:tar.gz:all" \
        -DoutputDirectory="$part" && tar xzf "$part"/*.tar.gz -C "$part" && rm -f "$part"/*.tar.gz
}
fetch_jars() { maven_once "$home" registry from_maven; }

# The pid in the file may be somebody else's by now.
pid_of() {
    local p
    p=$(pid_in "$dir/pid") && running "$p" && tr '\0' '\n' <"/proc/$p/cmdline" | grep -qxF -- "-Dpx.home=$dir" && echo "$p"
}

answers() { curl -fsS -m 2 -o /dev/null "$url/subjects" 2>/dev/null; }
up_or_dead() { answers || ! running "$(pid_in "$dir/pid")"; }

start() { # [port]
    local jar port
    [ -z "$(pid_of)" ] || fail "$dir: running already, pid $(pid_of)"
    [ -n "$java" ] || fail "java is missing: make deps-stack"
    fetch_jars
    jar=$(find "$home" -maxdepth 1 -name '*-runner.jar' | head -n 1)
    [ -n "$jar" ] || fail "$home holds no runner"
    port=${1:-$(pid_in "$dir/port" || free_port)} || exit 1
    echo "$port" >"$dir/port"
    url=http://127.0.0.1:$port/apis/ccompat/v7
    # The management port listens on every interface by itself, and its default is everybody's: one of our own.
    # shellcheck disable=SC2086 # several options in one variable
    setsid "$java" -Xms64m ${REGISTRY_HEAP:--Xmx256m} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dpx.home="$dir" \
        -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$port" \
        -Dquarkus.datasource.jdbc.url="jdbc:h2:file:$dir/schemas;WRITE_DELAY=0;DB_CLOSE_ON_EXIT=FALSE" -Dquarkus.datasource.jdbc.initial-size=2 -Dquarkus.datasource.jdbc.min-size=2 \
        -Dquarkus.management.host=127.0.0.1 -Dquarkus.management.port="$(free_port)" \
        -jar "$jar" >>"$dir/server.log" 2>&1 </dev/null &
    echo $! >"$dir/pid"
    if ! until_true 60 up_or_dead || ! answers; then
        kill_hard
        tail -n 5 "$dir/server.log" >&2
        fail "the registry did not come up; see $dir/server.log"
    fi
    printf '%s\n' "REGISTRY_URL=$url" "REGISTRY_PID=$(pid_of)" >"$dir/env"
}

stop() {
    local p
    if p=$(pid_of); then
        kill "$p" 2>/dev/null
        kill -s CONT "$p" 2>/dev/null # a frozen one would never hear it
        until_true 15 gone "$p" || kill -9 "$p" 2>/dev/null
        until_true 5 gone "$p" || fail "pid $p does not end"
    fi
    rm -f "$dir/pid"
}

kill_hard() {
    local p
    if p=$(pid_of); then
        kill -9 "$p" 2>/dev/null
        until_true 5 gone "$p"
    fi
    rm -f "$dir/pid"
}

signal() {
    local p
    p=$(pid_of) || fail "$dir: nothing runs there"
    kill -s "$1" "$p"
}

usage() { sed -n '5,8s/^# *//p' "$0" >&2; exit 64; }

[ "${1:-}" = jars ] && { fetch_jars; exit 0; }
[ $# -ge 2 ] || usage
command=$1
mkdir -p "$2" && dir=$(cd "$2" && pwd) || fail "$2: cannot be made"
shift 2
case $command in
start) start "$@" ;;
stop) stop ;;
kill) kill_hard ;;
freeze) signal STOP ;;
thaw) signal CONT ;;
*) usage ;;
esac
