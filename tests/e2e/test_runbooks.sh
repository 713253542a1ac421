#!/usr/bin/env bash
# Every command of the runbooks, run as it stands there: on a real Kafka and SQLite, beside running services, with
# dead letters, wrong sums and old rows to work on. Programs are found by PATH and configured by an appsettings.json in
# the current folder, so that a command needs no word more than the page has. What cannot run here is listed with its
# reason and with the test that runs it instead.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
export KAFKA_HEAP=${KAFKA_HEAP:--Xmx384m}

# The pages, in the order in which they are worked through. A page more is a word more; what its commands need beyond
# that goes into the tables and functions below.
pages=(docs/DEAD-LETTERS.md docs/RECONCILE.md docs/OPERATIONS.md docs/KAFKA.md docs/TRAFFIC.md)

today=$(date -u +%F)
here_for() { # the command of a page, with its placeholders replaced; one a line
    local command=$1 program
    command=${command//--partition 3 --offset 1/--partition ${letter% *} --offset ${letter#* }}
    command=${command//0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b/$refused}
    command=${command//2026-11-01/$today}
    command=${command//2026-11-26/$today}
    command=${command//\/etc\/pixel\//$work/etc/}
    command=${command//127.0.0.1:8080/127.0.0.1:$(port ingest server.port)}
    command=${command//127.0.0.1:8082/127.0.0.1:$(port api server.port)}
    if [ "${command#svc-x }" = "$command" ]; then
        echo "$command"
    else
        for program in svc-ingest svc-aggregator svc-metrics-api; do echo "$program ${command#svc-x }"; done
    fi
}
# What does not run here: pattern of the command, why, the file that runs it, the words by which it does.
elsewhere=(
    'svc-ingest --register-schemas=*|needs a schema registry|tests/e2e/test_registry.sh|--register-schemas="$mode"'
    'svc-aggregator --erase-player ID|has a page of its own: docs/ERASURE.md|tests/e2e/test_erase.sh|--erase-player "$first"'
    '*Kafka:SecurityProtocol=SASL_SSL*|needs brokers with TLS|tests/e2e/test_secure.sh|--topics=apply --file deployer.yaml'
    'SECURE=1 deploy/local/real/kafka.sh start DIR|starts such a broker|tests/e2e/test_secure.sh|export SECURE=1'
    "kafka-acls.sh --remove|one of Kafka's own tools|tests/e2e/test_secure.sh|AclCommand --remove"
    'make run|starts everything|tests/e2e/test_run.sh|RUN_FOR=0 RATE=300 RUN_DIR="$work/make" run'
    'make stack|starts everything|tests/e2e/test_run.sh|bash "$run" stack "$bin" "$work/stack"'
    'make hostile|measures for minutes; its attacks run short|tests/integration/test_hostile.c|argv[n++] = proc_bin("px-hostile")'
    'make test-scram|fetches another Kafka, so that CI leaves it out|tests/module.mk|tests/e2e/scram.sh'
)
expected() { # command: its exit status
    case $1 in
    *--reconcile*) echo "$wrong_sums" ;;
    *) echo 0 ;;
    esac
}
prepare() { # page command: what the page says comes before
    case "$1 $2" in
    docs/DEAD-LETTERS.md*--dlq=replay\ --dry-run) # "add the row to schemas/events.yaml, restart the aggregators"
        echo '  - {type: level_up, family: pixel, pixel: true, dedupe: event_id}' >>schemas/events.yaml
        send TERM agg
        ended agg 30
        aggregator_run
        ;;
    docs/RECONCILE.md*)
        [ -n "${spoilt:-}" ] || need "the copies are read" within 30 folded_is 65
        [ -n "${spoilt:-}" ] || spoil
        ;;
    docs/TRAFFIC.md*127.0.0.1:8082*) need "the pixels of the page are read" within 30 folded_is 67 ;;
    esac
}
settled() { # page command: what must be true afterwards, beside the exit status
    case "$1 $2" in
    docs/DEAD-LETTERS.md*--request*) has "the letter of that request" "$(cat run.out)" '^sent as +json$' ;;
    docs/DEAD-LETTERS.md*--limit\ 5) has "five of them" "$(cat run.out)" '^replayed +5 ' ;;
    docs/DEAD-LETTERS.md*--dlq=replay) has "the other seven" "$(cat run.out)" '^replayed +7 ' ;;
    *--rebuild\ --dry-run) is "a dry run changes nothing" "$(sql "select sum(count) from event_summary")" $((events + 2)) ;;
    *--rebuild) wrong_sums=0 && is "the sums are right again" "$(sql "select sum(count) from event_summary")" "$events" ;;
    docs/TRAFFIC.md*Googlebot*) is "a crawler is named" "$(paste -sd ' ' run.out)" \
        'bot ua:Googlebot a crawler or another program, by its user agent pattern 1 of 1504, crawler-user-agents 1.67.0' ;;
    docs/TRAFFIC.md*Sec-Purpose*) is "a prefetch is named" "$(head -n 1 run.out)" 'prefetch sec-purpose' ;;
    docs/TRAFFIC.md*--classify\ "''") is "so is who says nothing" "$(head -n 1 run.out)" 'unknown no-user-agent' ;;
    docs/TRAFFIC.md*/pixel/*) is "a pixel is answered" "$(head -c 6 run.out)" GIF89a && events=$((events + 1)) ;;
    docs/TRAFFIC.md*traffic=human*) has "the page's numbers" "$(cat run.out)" \
        '"visits":1,"registrations":0.*"traffic":\{"mode":"human","excluded":\{"bot":1\},"unclassified":0\}' ;;
    docs/TRAFFIC.md*/traffic\?*) has "its classes" "$(cat run.out)" '"class":"opt_out","reason":"gpc","count":1' ;;
    *--retention=run) is "old rows are gone" "$(sql "select count(*) from minute_summary where bucket_start < '2020'")" 0 ;;
    *--topics=verify) has "nothing differs" "$(cat run.out)" ' 0 differences$' ;;
    *.backup*) is "the copy holds the rows" "$(sqlite3 -readonly copy.db 'select count(*) from events')" "$(sql 'select count(*) from events')" ;;
    *partition_ledger*) is "both columns are equal" "$(awk -F '|' 'NF != 5 || $4 != $5' run.out | head -n 3)$(wc -l <run.out)" 10 ;;
    *FROM\ dead_letter_replays*) is "a row for each copy" "$(wc -l <run.out)" 12 ;;
    esac
}

# --- what they work on ------------------------------------------------------------------------------------------

sql() { sqlite3 -cmd '.timeout 5000' analytics.db "$1" 2>&1; }
aggregator_run() {
    launch agg svc-aggregator
    ready agg 30
}
spoil() { # sums that are wrong, and a row that retention should have removed
    spoilt=1 wrong_sums=1
    sql "update event_summary set count = count + 2 where (event_type, banner_tag) = ('visit', 'spring')" >>sql.log
    sql "delete from daily_metrics where event_type = 'visit'" >>sql.log
    sql "insert into minute_summary values ('2019-01-01 00:00:00.000000', 'visit', 'spring', 1)" >>sql.log
}
wrong_sums=0
PATH=$bin:$PATH
mkdir -p etc deploy/kafka && cp -r "$root/schemas" . && ln -s "$root/database" . || die "the folders were made"
sed 's/replication: 3/replication: 1/; s/replicas, value: 2/replicas, value: 1/' "$root/deploy/kafka/topics.yaml" >deploy/kafka/topics.yaml
kafka_up
cat >appsettings.json <<END
{"svc-ingest": {"Kafka": {"BootstrapServers": "$KAFKA_BOOTSTRAP"}, "Ingest": {"Port": 0}, "Admin": {"Port": 0}},
 "svc-aggregator": {"Kafka": {"BootstrapServers": "$KAFKA_BOOTSTRAP"}, "Admin": {"Port": 0}, "Schemas": {"Directory": "$work/schemas"}},
 "svc-metrics-api": {"Api": {"Port": 0}, "Admin": {"Port": 0}}}
END
cp appsettings.json etc/retention.json
for command in 'svc-aggregator --topics=apply' 'svc-aggregator --migrate=up'; do
    $command >setup.log 2>&1 || die "$command ($(tail -n 3 setup.log))"
done
cp -r schemas then && cat >>then/events.yaml <<END # of the next release, whose ingest came too early
  - {type: level_up, family: pixel, pixel: true, dedupe: event_id}
END
launch ingest svc-ingest --set "Schemas:Directory=$work/then"
launch api svc-metrics-api
aggregator_run
ready ingest 30
ready api 30
at=http://127.0.0.1:$(port ingest server.port)/api/events
batch() { # type count
    local k
    printf '['
    for ((k = 1; k <= $2; k++)); do printf '%s{"eventType":"%s","playerId":"p%d","bannerTag":"spring"}' "$([ "$k" = 1 ] || echo ,)" "$1" "$k"; done
    printf ']'
}
is "visits are taken" "$(get "$at" -H 'Content-Type: application/json' -d "$(batch visit 40)")" 200
is "and events of a type that the aggregator does not know" "$(get "$at" -H 'Content-Type: application/json' -d "$(batch level_up 12)")" 200
is "a request is refused" "$(get "$at" -H 'Content-Type: application/json' -d '{"eventType":"visit"}')" 400
refused=$(head_field X-Request-Id)
echo '{"json": "by another"}' | kcat -b "$KAFKA_BOOTSTRAP" -P -t "$topic" -p 3 || die "a record of another writer"
need "all of it is read" within 30 folded_is 53
letter=$(svc-aggregator --dlq=list --reason bad_frame --json 2>>setup.log | sed -nE 's/.*"partition":([0-9]+),"offset":([0-9]+).*/\1 \2/p')
has "there is a letter to show" "$letter" '^3 [0-9]+$'
events=52 # after the replay: what counts

# --- the commands -------------------------------------------------------------------------------------------------

# "line TAB kind TAB command" of a page: in a fence, what stands behind "$ ", begins with a program or is SQL up to its semicolon; in
# the text, what stands in backticks and is a program with arguments. Words beside a command in a fence are no part of it.
commands_of() {
    awk '
        function program(s) { return s ~ /^([A-Z]+=[^ ]+ )*(svc-[a-z-]+|px-[a-z-]+|sqlite3|curl|psql|make|kafka-[a-z-]+\.sh|(deploy|tests|database)\/[^ ]+\.sh) / }
        /^```/ { inside = !inside; lang = inside ? substr($0, 4) : ""; joined = ""; next }
        inside && lang == "sql" {
            joined = joined $0 " "
            if (/;$/) { print FNR "\tsql\t" joined; joined = "" }
            next
        }
        inside {
            line = joined $0
            sub(/^\$ /, "", line)
            sub(/^[0-9*]+ +[0-9*]+ +[0-9*]+ +[0-9*]+ +[0-9*]+ +[a-z]+ +/, "", line) # of a crontab
            if (!program(line)) { joined = ""; next }
            joined = ""
            if (sub(/\\$/, "", line)) { joined = line; next }
            sub(/   +[^ ].*$/, "", line)
            print FNR "\tfence\t" line
            next
        }
        {
            n = split($0, part, "`")
            for (i = 2; i <= n; i += 2) { if (program(part[i])) { print FNR "\ttext\t" part[i] } }
        }' "$root/$1"
}
total=0
tried() { # page line command its-form-here...
    local out=$work/run.out
    timeout 60 "${@:4}" >"$out" 2>run.log </dev/null
    is "$1:$2: $3" "$?" "$(expected "$3")" || tail -n 5 "$out" run.log | sed 's/^/# /'
    total=$((total + 1))
}
run() { # page line kind command
    local form
    prepare "$1" "$4"
    if [ "$3" = sql ]; then
        tried "$1" "$2" "$4" sqlite3 analytics.db "$4"
    else
        while IFS= read -r form <&5; do tried "$1" "$2" "$4" bash -c "$form"; done 5< <(here_for "$4")
    fi
    settled "$1" "$4"
}
declare -A left_out=() seen=()
listed() { # line page command: it runs elsewhere; false = it runs here
    local rule pattern reason file words
    for rule in "${elsewhere[@]}"; do
        IFS='|' read -r pattern reason file words <<<"$rule"
        # shellcheck disable=SC2053
        if [[ $3 == $pattern ]]; then
            left_out[$pattern]="$reason; $file"
            check "$2:$1: $3: $file runs it" grep -qF -- "$words" "$root/$file"
            return 0
        fi
    done
    return 1
}
for page in "${pages[@]}"; do
    commands_of "$page" >commands || die "$page was read"
    check "$page has commands" test -s commands
    while IFS=$'\t' read -r line kind command <&4; do
        # What stands in a fence runs as often as it stands there, what the text mentions once, and not before a fence.
        if [ "$kind" = text ]; then
            [ -z "${seen[$page $command]:-}" ] && ! cut -f 2- commands | grep -qxF $'fence\t'"$command" || continue
            seen[$page $command]=1
        fi
        listed "$line" "$page" "$command" || run "$page" "$line" "$kind" "$command"
    done 4<commands
done
is "each row of what runs elsewhere fits a command" "${#left_out[@]}" "${#elsewhere[@]}"
echo "# $total commands were run; elsewhere run:"
for command in "${!left_out[@]}"; do echo "#   $command: ${left_out[$command]}"; done

need "the services went on" within 20 folded_is 67
is "every event counts once" "$(sql "select event_type || '=' || sum(count) from daily_metrics group by event_type order by 1" | paste -sd ' ')" 'level_up=12 visit=42'
for name in ingest agg api; do
    send TERM "$name"
    ended "$name" 30
    is "SIGTERM ends $name with 0" "$status" 0
done
