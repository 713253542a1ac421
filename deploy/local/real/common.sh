# What the recipes for real servers share: free ports, processes by pid, waiting with a deadline.
# Sourced, never run. Servers listen on 127.0.0.1 only and are only ever stopped by their own pid.
set -u

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# running PID: there is such a process, and it is not a zombie that nobody has collected yet
running() { [ -n "${1:-}" ] && grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" 2>/dev/null; }

pid_in() { [ -s "$1" ] && head -n 1 "$1"; }

# free_port: a port of 127.0.0.1 below the ephemeral range that nobody listens on now
free_port() {
    local port i
    for ((i = 0; i < 200; i++)); do
        port=$((15000 + (RANDOM * 32768 + RANDOM) % 16000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return 0
        fi
    done
    fail "no free port found on 127.0.0.1"
}

# until_true SECONDS COMMAND...: true as soon as the command is, false when time is up
until_true() {
    local end=$((SECONDS + $1))
    shift
    while [ "$SECONDS" -lt "$end" ]; do
        "$@" && return 0
        sleep 0.1
    done
    "$@"
}
gone() { ! running "$1"; }

# maven_once HOME NAME COMMAND...: makes the folder HOME, complete or absent, by one process at a time: the command
# fills $part, which is then moved there. What Maven says is in $cache/NAME-fetch.log.
maven_once() {
    local home=$1 name=$2 part=$1.part
    shift 2
    [ -e "$home/.complete" ] && return 0
    command -v mvn >/dev/null || fail "mvn is missing: make deps-stack"
    mkdir -p "$cache"
    exec 9>"$cache/$name.lock"
    flock -w 600 9 || fail "$cache/$name.lock is held for 10 minutes"
    if [ ! -e "$home/.complete" ]; then
        rm -rf "$home" "$part"
        mkdir -p "$part"
        "$@" >"$cache/$name-fetch.log" 2>&1 || fail "$(basename "$home") could not be fetched; see $cache/$name-fetch.log"
        touch "$part/.complete"
        mv "$part" "$home"
    fi
    exec 9>&-
}
