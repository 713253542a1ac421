# Processes of a run: started in sessions of their own, known by pid files, ended in order. Sourced by run.sh,
# which has set mode and dir; keeps the names of what runs in `started`.

started=()         # names of what runs, in order of start
why_stopped='' up=no

say() { printf '%s\n' "$*"; }
alive() { # name: does it run, and is it not a zombie?
    [ -s "$dir/$1.pid" ] && grep -q '^State:[[:space:]]*[^ZX]' "/proc/$(cat "$dir/$1.pid")/status" 2>/dev/null
}
left_over() { # name: does it run, and is it really that program and not a later one with its pid?
    alive "$1" && tr '\0' ' ' <"/proc/$(cat "$dir/$1.pid")/cmdline" 2>/dev/null | grep -q -- "${1%-[2-8]}"
}
none_left_over() {
    local file name
    for file in "$dir"/*.pid; do
        name=$(basename "$file" .pid)
        if [ -e "$file" ] && left_over "$name"; then
            say "$name of an earlier run is still running: kill $(cat "$file") ends it (from $file)" >&2
            exit 75
        fi
    done
}

# Settings of the run: kept in the file `env` for people (set -a; . build/run/env; set +a), and given to
# each program by group, because a program warns about settings that it does not know.
settings=() # "group PX_Section__Key=value"
setting() { # group key value
    local section=$1
    [ "$1" != Offsets ] || section=Kafka
    settings+=("$1 PX_${section}__$2=$3")
    printf "PX_%s__%s='%s'\n" "$section" "$2" "$3" >>"$dir/env"
}
with() { # groups (a|b), name, command...: launch with the settings of those groups
    local groups=$1 name=$2 line vars=()
    shift 2
    for line in "${settings[@]}"; do
        if [[ ${line%% *} =~ ^($groups)$ ]]; then vars+=("${line#* }"); fi
    done
    launch "$name" env "${vars[@]}" "$@"
}

# Starts a process in a session of its own, so that Ctrl-C reaches only this script.
launch() { # name command...
    local name=$1
    shift
    setsid "$@" >"$dir/$name.out" 2>"$dir/$name.log" </dev/null &
    echo $! >"$dir/$name.pid"
    started+=("$name")
}

finish() { # name [seconds]: SIGTERM, wait, SIGKILL
    local name=$1 limit=${2:-30} i
    alive "$name" || { rm -f "$dir/$name.pid"; return 0; }
    kill "$(cat "$dir/$name.pid")" 2>/dev/null
    for ((i = 0; i < limit * 20; i++)); do
        alive "$name" || break
        sleep 0.05
    done
    if alive "$name"; then
        say "  $name did not end within $limit s; killing it (see $dir/$name.log)"
        kill -9 "$(cat "$dir/$name.pid")" 2>/dev/null
    fi
    rm -f "$dir/$name.pid"
}

# Runs whenever this script ends, for whatever reason.
stop_all() {
    local i
    trap '' INT TERM HUP
    trap - EXIT
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do finish "${started[$i]}"; done
    [ "$mode" = dev ] || stop_servers
}

give_up() { # message [name]: something did not come up, or was not waited for
    if [ "$why_stopped" = asked ] && [ "$up" = no ]; then
        say ""
        say "Stopping before everything was up."
        stop_all
        say "Done."
        exit 0
    fi
    say "" >&2
    say "$1" >&2
    if [ $# -ge 2 ] && [ -s "$dir/$2.log" ]; then
        say "the end of $dir/$2.log:" >&2
        tail -n 5 "$dir/$2.log" >&2
    fi
    stop_all
    exit 69
}

wait_until() { # seconds name command...: until the command succeeds; fails early when the process ended
    local limit=$1 name=$2 end
    shift 2
    end=$((SECONDS + limit))
    while [ "$SECONDS" -lt "$end" ]; do
        "$@" && return 0
        alive "$name" || return 1
        [ -z "$why_stopped" ] || return 1
        sleep 0.1
    done
    return 1
}
http_ok() { curl -fsS -m 2 -o /dev/null "$1" 2>/dev/null; }
# Ready by its own word: another run's service may answer at the same port.
is_ready() { grep -q '"event.name":"app.ready"' "$dir/$1.log" && http_ok "$2/readyz"; } # name url
