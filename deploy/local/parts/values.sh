# What a run is told by its environment: checked here, with the variable and the remedy in every refusal.
# Sourced by run.sh, which has set mode, bin and the folder; sets run_for, rate, seed, brokers, registry, ingests,
# aggregators, the arrays of names and ports. Starts nothing.

refuse() { # variable value remedy
    echo "$1=$2: $3" >&2
    exit 64
}
number() { # name value least largest
    [[ $2 =~ ^(0|[1-9][0-9]*)$ && ${#2} -le ${#4} && $2 -ge $3 && $2 -le $4 ]] ||
        refuse "$1" "$2" "give a whole number from $3 to $4"
}

held() { # folder: how many brokers it has data of, or nothing
    if [ -s "$1/kafka/brokers" ]; then cat "$1/kafka/brokers"; elif [ -d "$1/kafka/data" ]; then echo 1; fi
}

# Only the stack has a schema registry, and it can be left out. A folder goes on with what it has: ids of both
# kinds in one log would spoil the comparison.
read_registry() { # folder
    local had=''
    if [ -n "$(held "$1")" ]; then had=0; fi
    if [ -n "$had" ] && [ -d "$1/registry" ]; then had=1; fi
    if [ "$mode" = dev ]; then registry=${REGISTRY:-0}; else registry=${REGISTRY:-${had:-1}}; fi
    number REGISTRY "$registry" 0 1
    [ "$mode" = dev ] || [ "${had:-$registry}" = "$registry" ] ||
        refuse REGISTRY "$registry" "$1 holds a log of REGISTRY=$had; give that, another STACK_DIR, or remove that folder"
    [ "$mode:$registry" != dev:1 ] || refuse REGISTRY 1 "the dev broker comes without one; make stack has it"
}

# Without BROKERS a folder goes on with what it has.
read_brokers() {
    local had
    brokers=${BROKERS:-}
    if [ "$mode" = dev ]; then
        [[ ${brokers:-1} == 1 ]] || refuse BROKERS "$brokers" "the dev broker is one; make BROKERS=$brokers stack has several"
        brokers=1
        return
    fi
    [[ $brokers =~ ^[13]?$ ]] || refuse BROKERS "$brokers" "give 1 or 3"
    had=$(held "$1")
    [ -z "$had" ] || [ "${brokers:-$had}" = "$had" ] ||
        refuse BROKERS "$brokers" "$1 holds data of $had; give BROKERS=$had, another STACK_DIR, or remove that folder"
    brokers=${had:-${brokers:-1}}
}

# The k-th process of a kind is NAME-k at PORT + 10 * (k - 1); the first has no number.
instance() { if [ "$2" -eq 1 ]; then echo "$1"; else echo "$1-$2"; fi; }
nth_port() { echo $(($1 + 10 * ($2 - 1))); }

ports=() # "variable number port"
claim_ports() { # variable count
    local k port
    number "$1" "${!1}" 1 65535
    for ((k = 1; k <= $2; k++)); do
        port=$(nth_port "${!1}" "$k")
        [ "$port" -le 65535 ] || refuse "$1" "${!1}" "process $k of $2 would have port $port; give at most $((65535 - 10 * ($2 - 1)))"
        ports+=("$1 $k $port")
    done
}
distinct_ports() {
    local a b c x y z i j
    for ((i = 0; i < ${#ports[@]}; i++)); do
        read -r a b c <<<"${ports[$i]}"
        for ((j = 0; j < i; j++)); do
            read -r x y z <<<"${ports[$j]}"
            [ "$c" != "$z" ] || refuse "$a" "${!a}" "process $b of it and process $y of $x=${!x} would share port $c; move one"
        done
    done
}

read_values() { # folder
    run_for=${RUN_FOR:-0} rate=${RATE:-200} seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
    ingests=${INGESTS:-1} aggregators=${AGGREGATORS:-1}
    INGEST_PORT=${INGEST_PORT:-8080} API_PORT=${API_PORT:-8082}
    INGEST_ADMIN_PORT=${INGEST_ADMIN_PORT:-9180} AGG_ADMIN_PORT=${AGG_ADMIN_PORT:-9181} API_ADMIN_PORT=${API_ADMIN_PORT:-9182}
    number RUN_FOR "$run_for" 0 31536000
    number RATE "$rate" 0 1000000
    number SEED "$seed" 0 999999999999999999
    number INGESTS "$ingests" 1 8
    number AGGREGATORS "$aggregators" 1 8
    read_brokers "$1"
    read_registry "$1"
    claim_ports INGEST_PORT "$ingests"
    claim_ports API_PORT 1
    claim_ports INGEST_ADMIN_PORT "$ingests"
    claim_ports AGG_ADMIN_PORT "$aggregators"
    claim_ports API_ADMIN_PORT 1
    distinct_ports
}

free_ports() {
    local variable k port
    while read -r variable k port; do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "port $port is taken: choose another one with $variable=number$(more_than_one "$k"), or end what listens there" >&2
            exit 69
        fi
    done < <(printf '%s\n' "${ports[@]}")
}
more_than_one() { [ "$1" -eq 1 ] || echo " (process $1 takes number + $((10 * ($1 - 1))))"; }
