#!/usr/bin/env bash
# What the scenarios of the aggregator and of process life share, on top of lib.sh: where the kill points are,
# aggregators outside the supervisor, what SQL says of progress and accounts. Sourced first, never run.
# shellcheck source=tests/chaos/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Every failpoint on the way of a batch, and the three passages at which a35 kills there: records for the two
# of reading, batches for the others, rebalances for the last one.
# shellcheck disable=SC2034,SC2054 # read by those that source this; commas are ours
kill_points=(
    agg.after_poll:1,7,300 agg.after_decode:1,7,300
    agg.after_begin:1,2,5 agg.before_fence:1,2,5 agg.after_fence:1,2,5 agg.after_floor:1,2,5
    agg.after_client_claims:1,2,5 agg.after_natural_claims:1,2,5
    agg.after_store_events:1,2,5 agg.after_store_players:1,2,5 agg.after_store_event_summary:1,2,5 agg.after_store_class_summary:1,2,5
    agg.after_store_minute_summary:1,2,5 agg.after_store_partition_ledger:1,2,5
    agg.after_store_daily_metrics:1,2,5 agg.before_commit:1,2,5 agg.after_commit:1,2,5
    agg.before_group_commit:1,2,5 agg.in_revoke:1,2,3
)

loose() { # name options...: an aggregator that nobody restarts, so that its exit status is seen
    local name=$1
    shift
    launch "$name" "${aggregator[@]}" "${direct[@]}" "${database[@]}" "${any_port[@]}" \
        --set "Instance:Id=$name" "$@"
}
with_failpoint() { # spec name options...: likewise, of the build that has failpoints
    local spec=$1
    shift
    aggregator=(env "PX_FAILPOINTS_AT=$spec" "$failpoint_bin")
    loose "$@"
    aggregator=("$bin/svc-aggregator")
}
stops() { # name [status]: SIGTERM ends it, with 0 unless said otherwise
    send TERM "$1"
    ended "$1" 30
    is "SIGTERM ends $1 with ${2:-0}" "$status" "${2:-0}"
}
retire() { # name: ends it in peace, and its supervisor for good
    local s
    s=$(pid_in "$work/$1.supervisor")
    rm -f "$work/$1.supervisor"
    { kill -9 "$s" && wait "$s"; } 2>>"$work/kill.log"
    send TERM "$1"
    within 30 gone "$(pid_of "$1")"
    tap $? "SIGTERM ends $1"
}
said() { grep -q -- "$2" "$work/$1.log"; } # name text
log_of() { grep -- "$2" "$work/$1.log" | tail -n "${3:-1}"; } # name text [lines]
said_times() { [ "$(grep -c -- "$2" "$work/$1.log")" -ge "$3" ]; } # name text times
has_died() { ! running "${pids[$1]}"; }                           # name of one that nobody restarts
frozen() { grep -q '^State:[[:space:]]*T' "/proc/$(pid_of "$1")/status" 2>/dev/null; }
owned_by() { sql "select count(*) from consumer_offsets where owner = '$1'"; }
owns() { [ "$(owned_by "$1")" = "$2" ]; } # name partitions
sql_over() { [ "$(sql_end)" -gt "$1" ]; } # offset: the sum over partitions is beyond
# every partition has moved on since `mark`
mark() { sql "drop table if exists chaos_mark; create table chaos_mark as select partition_id, next_offset from consumer_offsets" >>"$work/mark.log"; }
all_moved() { [ "$(sql 'select count(*) from chaos_mark m join consumer_offsets o using (partition_id) where o.next_offset > m.next_offset')" = "$partitions" ]; }
account() { sql "select coalesce(sum($1), 0) from partition_ledger where topic = '$topic'"; } # column
sums() { # what must not change when nothing new is counted
    sql "select (select sum(count) from daily_metrics), (select sum(count) from event_summary),
        (select sum(count) from minute_summary), (select sum(total_deposits) from players),
        (select count(*) from players), (select count(*) from events)"
}
accounts_hold() { # the identity of each partition, and the sums say what was counted
    is "the accounts add up in every partition" "$(sql 'select count(*) from partition_ledger where next_offset -
        first_offset + rewound <> counted + repeated + duplicate + conflict + excluded + late + erased +
        dead_lettered + hole + gap')" 0
    is "every sum says what was counted" "$(sql 'select sum(count) from daily_metrics') $(sql \
        'select sum(count) from event_summary')" "$(account counted) $(account counted)"
}
nothing_left_out() { # after a fault that loses nothing: settled, in order, exact
    settled 60
    accounts_hold
    is "nothing was dead-lettered, missing or rewound" "$(account 'dead_lettered + hole + gap + rewound')" 0
    ledger
}
dump() { # topic: its records, for a_records.py
    kcat -b "$broker_list" -C -t "$1" -o beginning -e -q -f '%p %o %K %S\n%k%s' 2>>"$work/kcat.log"
}
put() { # partition key file...: each file is one record
    local p=$1 key=$2
    shift 2
    kcat -b "$broker_list" -X message.max.bytes=2000000 -P -t "$topic" -p "$p" -k "$key" "$@" 2>>"$work/kcat.log"
}
later=()
row_later() { later+=("$1"$'\t'"$2"$'\t'"$3"$'\t'"$injected"$'\t'"$recovery"); } # like row, for rows_now
rows_now() { # the rows of faults whose ledger is the one at the end
    local number fault goal entry
    for entry in "${later[@]}"; do
        IFS=$'\t' read -r number fault goal injected recovery <<<"$entry"
        row "$number" "$fault" "$goal"
    done
    later=()
}
ledger_but() { # class number [px-ledger option...]: it finds these violations, made on purpose, and no others
    local wrong
    ask_ledger "${@:3}"
    wrong=$(sed -nE 's/^ *VIOLATION ([a-z_]+): ([0-9]+).*/\1 \2/p' <<<"$ledger_said")
    verdict="exact but for $2 $1"
    is "the ledger finds $2 times $1 and nothing else" "$wrong" "$1 $2" ||
        { verdict=$(tail -n 1 <<<"$ledger_said") && tail -n 40 <<<"$ledger_said" | sed 's/^/#   /'; }
}
