#!/usr/bin/env bash
# Every command of docs/TLS.md, run as it stands there, on a broker in memory; only ports differ. Beside them a client
# with a TLS of its own (Python's), which keeps its connection through the renewal.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
page=$root/docs/TLS.md
PATH=$bin:$PATH

launch broker "$bin/px-devbroker" --address-file "$work/broker.env" --topic "$topic:4" --topic "$dlq:1"
within 10 test -s "$work/broker.env" || die "the broker started"
# shellcheck source=/dev/null
. "$work/broker.env"
echo "{\"Kafka\": {\"BootstrapServers\": \"$KAFKA_BOOTSTRAP\"}, \"Ingest\": {\"Port\": 0}, \"Admin\": {\"Port\": 0}}" >appsettings.json

shown() { openssl s_client -connect "localhost:$at" </dev/null 2>>s_client.log | openssl x509 -noout -fingerprint; }
up() { curl -fsS -o /dev/null --cacert cert.pem "https://localhost:$admin/readyz" 2>>curl.log; }
serve() { # command
    cp cert.pem first.pem
    # shellcheck disable=SC2086 # words of the page
    launch ingest $1
    at=$(port ingest server.port) admin=$(port ingest admin.port)
    need "svc-ingest is ready, by TLS" within 20 up
}
client='
import http.client, ssl, sys
c = http.client.HTTPSConnection("localhost", int(sys.argv[1]), timeout=20, context=ssl.create_default_context(cafile="first.pem"))
def pixel():
    c.request("GET", "/api/pixel/visit?playerId=p2&bannerTag=spring")
    r = c.getresponse()
    r.read()
    return r.status
first = pixel()
open("keeper.up", "w").close()
open("keeper.go").read()
print(first, pixel())'
renewal() { # command
    local before
    before=$(shown)
    mkfifo keeper.go
    launch keeper python3 -c "$client" "$at"
    need "Python's client has an answer" within 10 test -e keeper.up
    check "$1" eval "$1"
    need "the certificate is renewed" within 10 logged ingest tls.renewed
    has_not "new connections are shown another one" "$(shown)" "$before"
    echo >keeper.go
    ended keeper 20
    is "the connection from before goes on" "$(cat keeper.out keeper.log)" "200 200"
}

commands=0
while IFS= read -r command <&3; do
    command=${command//localhost:8080/localhost:${at:-}}
    command=${command//localhost:9180/localhost:${admin:-}}
    command=${command//\$(pidof svc-ingest)/${pids[ingest]:-}}
    case $command in
    svc-ingest\ --set*) serve "$command" ;;
    kill*) renewal "$command" ;;
    *) check "$command" eval "$command" ;;
    esac
    commands=$((commands + 1))
done 3< <(awk '/^```/ { inside = $0 == "```sh"; next } inside' "$page")
is "that was the whole page" "$commands" 12
is "the pixel is one" "$(head -c 6 pixel.gif)" GIF89a
has "all three pixels are in the log" "$(curl -fsS --cacert cert.pem "https://localhost:$admin/metrics")" '^px_events_accepted_total\{type="visit"\} 3$'
send TERM ingest
ended ingest 25
is "it leaves in peace" "$status" 0
