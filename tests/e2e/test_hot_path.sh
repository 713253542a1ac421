#!/usr/bin/env bash
# A pixel on its way asks for no memory and takes no lock: neither the program's code nor libevent's. What librdkafka
# does with its copy of the message is its own. Counted in the release build by count_calls.c.
counter=${PX_COUNT_CALLS:-build/release/tests/e2e/count_calls.so} # lib.sh drops such settings
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

counter=$root/$counter
[ -e "$counter" ] || die "count_calls.so was built (make e2e)"
launch broker "$bin/px-devbroker" --address-file "$work/broker.env" --topic "$topic:10" --topic "$dlq:10"
within 10 test -s "$work/broker.env" || die "the broker started"
# shellcheck source=/dev/null
. "$work/broker.env"
kafka=(--set "Kafka:BootstrapServers=$KAFKA_BOOTSTRAP")
launch ingest env LD_PRELOAD="$counter" COUNT_FILE="$work/counts" "$bin/svc-ingest" "${kafka[@]}" "${any_port[@]}" \
    --set Ingest:Port=0 --set Kafka:Linger=0s
ready ingest 20
url=http://127.0.0.1:$(port ingest server.port)

pixels() { # how many: on eight connections, each used again and again
    curl -sS -Z --parallel-max 8 -o /dev/null -w '%{http_code}\n' -A 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101' \
        -H 'Accept: image/webp,*/*' "$url/api/pixel/visit?playerId=p[1-$1]&bannerTag=spring&s=summer%20sale&eid=e[1-1]" 2>curl.log |
        sort | uniq -c | sed 's/^ *//'
}
# How many of them curl has at work at once is up to the machine. So all eight are, once, before anything is counted: each
# is sent but for its end, and ended when the service has read that much of each (nothing waits in a socket, see ss).
read_all() { ss -Htn state established "sport = :${url##*:}" | awk '$1 > 0 {left = 1} END {exit left || NR != 8}'; }
eight_at_once() { # prints how many were stored
    local i fd fds=() line ok=0
    for i in 1 2 3 4 5 6 7 8; do
        exec {fd}<>"/dev/tcp/127.0.0.1/${url##*:}"
        fds+=("$fd")
        printf 'GET /api/pixel/visit?playerId=w%d&bannerTag=spring HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n' "$i" >&"$fd"
    done
    within 10 read_all || return
    for fd in "${fds[@]}"; do printf '\r\n' >&"$fd"; done
    for fd in "${fds[@]}"; do
        read -r -t 10 line <&"$fd" && case $line in *' 200 '*) ok=$((ok + 1)) ;; esac
        exec {fd}>&-
    done
    echo "$ok"
}
counts() { # module: "allocations locks" since the start; they are written ten times a second
    sleep 0.3
    awk -v m="$1" '$1 == m {print $2, $3}' "$work/counts"
}
more() { # module "allocations locks" before: how many more there are
    local a l
    read -r a l <<<"$2"
    counts "$1" | awk -v a="$a" -v l="$l" '{print $1 - a, $2 - l}'
}

is "eight pixels at once to warm up: all stored" "$(eight_at_once)" 8
is "pixels to warm up: all stored" "$(pixels 200)" "200 200"
program=$(counts program) libevent=$(counts libevent) rdkafka=$(counts librdkafka)
is "1000 pixels: all stored" "$(pixels 1000)" "1000 200"
is "1000 pixels: memory asked for and locks taken by the program" "$(more program "$program")" "0 0"
is "1000 pixels: the same of libevent" "$(more libevent "$libevent")" "0 0"
read -r asked taken <<<"$(more librdkafka "$rdkafka")"
check "the counter sees: librdkafka asked for $asked pieces and took $taken locks" test "$asked" -ge 1000 -a "$taken" -ge 1000
program=$(counts program)
is "a JSON event: status" "$(get "$url/api/events" --json '{"eventType":"visit","playerId":"p","bannerTag":"b"}')" 200
read -r asked taken <<<"$(more program "$program")"
check "the counter sees: a JSON event asked for $asked pieces" test "$asked" -ge 1
