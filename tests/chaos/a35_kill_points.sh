#!/usr/bin/env bash
# Row 35: SIGKILL at each step of a batch's way to SQL, each at three passages, one process after the other under
# load. A static member comes back at once, so that fifty deaths fit into two minutes; a36 has a dynamic one.
CHAOS_DEADLINE=${CHAOS_DEADLINE:-230}
# shellcheck source=tests/chaos/a_common.sh
. "$(dirname "$0")/a_common.sh"
[ -x "$failpoint_bin" ] || die "$failpoint_bin exists: make FAILPOINTS=1"
stand 1 1 0
member=(--set Kafka:InstanceId=victim --set Batch:MaxDelay=50ms)
deaths=0

dies() { # the process that was started; the shell need not say so, too
    { ended victim 60; } 2>>"$work/kill.log"
    [ "$status" = 137 ] && deaths=$((deaths + 1))
}
kill_batch() { # point passages: SIGKILL when it comes by
    local at wrong=''
    for at in ${2//,/ }; do
        with_failpoint "$1=kill@$at" victim "${member[@]}"
        dies || wrong+=" @$at: status $status;"
    done
    is "$1: SIGKILL at passages $2" "$wrong" ""
}
guest_turn() { # somebody comes or goes: a rebalance
    if alive guest; then
        send TERM guest
        ended guest 30
    else
        loose guest
        until_true 20 said_or_dead
    fi
}
said_or_dead() { said guest consumer.assigned || has_died victim; }
kill_revoke() { # point passages
    local at turn wrong=''
    for at in ${2//,/ }; do
        with_failpoint "$1=kill@$at" victim "${member[@]}"
        within 30 said victim consumer.assigned
        for ((turn = 0; turn < 10; turn++)); do
            has_died victim || guest_turn
            within 5 has_died victim && break
        done
        dies || wrong+=" @$at: status $status;"
    done
    is "$1: SIGKILL at passages $2" "$wrong" ""
    if alive guest; then send TERM guest && ended guest 30; fi
}

traffic load 300 220
inject "SIGKILL at ${#kill_points[@]} failpoints, at 3 passages each"
for entry in "${kill_points[@]}"; do
    if [ "${entry%%:*}" = agg.in_revoke ]; then
        kill_revoke "${entry%%:*}" "${entry#*:}"
    else
        kill_batch "${entry%%:*}" "${entry#*:}"
    fi
done
note "$deaths deaths"
is "every kill took place" "$deaths" $((3 * ${#kill_points[@]}))
mark
start_aggregator agg-1 "${member[@]}"
heal "one without failpoints starts"
recovered 30 all_moved
send TERM load
traffic_end load
nothing_left_out
row 35 "aggregator killed at each step" 15
