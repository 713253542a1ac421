#!/usr/bin/env bash
# Who sent it: the real service behind proxies of our own (test_proxies.sh has nginx and HAProxy), two of them in a row,
# and clients that lie; what is counted, kept, hashed and explained. 127.0.0.9 is the client,
# 127.0.0.2 and 127.0.0.3 are the addresses that the proxies connect from. And every example of docs/ADDRESSES.md.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

launch broker "$bin/px-devbroker" --address-file "$work/broker.env" --topic "$topic:1" --topic "$dlq:1"
within 10 test -s "$work/broker.env" || die "the broker started"
# shellcheck source=/dev/null
. "$work/broker.env"
kafka=(--set "Kafka:BootstrapServers=$KAFKA_BOOTSTRAP" --set Kafka:Linger=0s --set Ingest:Workers=1)
printf 'k1 %064d\n' 7 >keys
chmod 600 keys
ingest_up full --set Proxy:Trusted=127.0.0.2/31 --set Privacy:ClientAddress=full
ingest_up hashed --set Proxy:Trusted=127.0.0.2/31 --set Proxy:Header=forwarded --set Privacy:ClientAddress=hashed \
    --set "Privacy:KeyFile=$work/keys"
ingest_up blind --set Privacy:ClientAddress=none
for i in full hashed blind; do ready "$i" 20; done

proxy() { # name style source target: sets $at
    launch "$1" python3 "$root/tests/e2e/proxy.py" "$2" "$3" "$4"
    within 10 test -s "$work/$1.out" || die "the proxy $1 started"
    at=$(cat "$work/$1.out")
}
direct=$(port full server.port)
proxy near append 127.0.0.2 "$direct" && near=$at
proxy far append 127.0.0.3 "$near" && far=$at
proxy field field 127.0.0.2 "$direct" && field=$at
proxy rfc forwarded 127.0.0.2 "$(port hashed server.port)" && rfc=$at
proxy rfc2 forwarded 127.0.0.3 "$rfc" && rfc2=$at
proxy lost append 127.0.0.2 "$(port blind server.port)" && lost=$at

sent=0 names=() wants=()
sends() { # name want port curl-options...: one event from 127.0.0.9; what it must hold of its sender is looked at in the end
    local name=$1 want=$2 to=$3
    shift 3
    sent=$((sent + 1))
    names[sent]=$name wants[sent]=$want
    is "$name: sent" "$(get "http://127.0.0.1:$to/api/pixel/visit?bannerTag=b&playerId=player-$sent-" --interface 127.0.0.9 "$@")" 200
}

# --- through proxies -------------------------------------------------------------------------------------

sends "no proxy: the peer" "127.0.0.9" "$direct"
sends "one proxy" "127.0.0.9" "$near"
sends "two proxies" "127.0.0.9" "$far"
sends "a proxy that adds a field" "127.0.0.9" "$field"

# --- clients that lie ------------------------------------------------------------------------------------

lie=(-H 'X-Forwarded-For: 127.0.0.66' -H 'Forwarded: for=127.0.0.66' -H 'X-Real-IP: 127.0.0.66' -H 'CF-Connecting-IP: 127.0.0.66')
inside=(-H 'X-Forwarded-For: 127.0.0.66, 127.0.0.2, 127.0.0.3')
rubbish=(-H 'X-Forwarded-For: ",,<>' -H 'X-Forwarded-For: [::1')
for to in "$direct" "$near" "$far" "$field"; do
    sends "a forged field" "127.0.0.9" "$to" "${lie[@]}"
    sends "a forged field that names our proxies" "127.0.0.9" "$to" "${inside[@]}"
    sends "rubbish" "127.0.0.9" "$to" "${rubbish[@]}"
done
is "counted: from trusted proxies" "$(metric full 'px_client_address_total{found="found"}')" 12
is "counted: forged on the direct way" "$(metric full 'px_client_address_total{found="ignored"}')" 3
is "counted: nothing else" "$(metric full px_client_address_total)" 16
check "a hint that a private peer forwards" logged full client.proxy_not_trusted
is "the hint, once" "$(grep -c client.proxy_not_trusted "$work/full.log")" 1

# --- what is kept ----------------------------------------------------------------------------------------

code=k1:$(python3 - <<'END'
import hashlib, hmac
address = bytes(10) + b"\xff\xff" + bytes([127, 0, 0, 9])
print(hmac.new(bytes.fromhex("%064d" % 7), b"pixel-analytics client address 1" + address, hashlib.sha256).hexdigest()[:24])
END
)
sends "hashed, one proxy" "$code" "$rfc"
sends "hashed, two proxies, a forged field" "$code" "$rfc2" "${lie[@]}"
sends "hashed, an open quote" "$code" "$rfc" -H 'Forwarded: for="'
sends "none, and a proxy that is not named" "" "$lost"
events=$(kcat -b "$KAFKA_BOOTSTRAP" -C -t "$topic" -e -q -D $'\n' 2>kcat.log | tr -d '\0')
for i in "${!names[@]}"; do
    is "${names[i]}: kept" "$(grep -a "player-$i-" <<<"$events" | grep -aoE '127\.0\.0\.[0-9]+(/[0-9]+)?|k1:[0-9a-f]{24}')" "${wants[i]}"
done
is "a refused request" "$(get "http://127.0.0.1:$rfc/api/pixel/visit?playerId=p" --interface 127.0.0.9)" 400
has_not "no log holds the client" "$(cat hashed.log blind.log full.log)" '127\.0\.0\.9'
letters=$(kcat -b "$KAFKA_BOOTSTRAP" -C -t "$dlq" -e -q 2>>kcat.log | tr -d '\0')
has "the dead letter is there" "$letters" missing_field
has_not "no dead letter holds the client" "$letters" '127\.0\.0\.9'

# --- the walk, explained ---------------------------------------------------------------------------------

admin=http://127.0.0.1:$(port full admin.port)
is "a ticket" "$(get "$admin/explain-ip/ticket")" 200
path=$(sed -nE 's/.*"path":"([^"]*)".*/\1/p' body)
is "the walk of a request: status" "$(get "http://127.0.0.1:$far$path" --interface 127.0.0.9 "${lie[@]}")" 200
has "the walk: the client" "$(cat body)" '^\{"client":"127\.0\.0\.9","found":"found"'
has "the walk: peer, proxy, client" "$(cat body)" '"from":"peer","address":"127\.0\.0\.2","trusted":true,"network":"127\.0\.0\.2/31"\},\{"from":"field","written":"127\.0\.0\.3","address":"127\.0\.0\.3","trusted":true,"network":"127\.0\.0\.2/31"\},\{"from":"field","written":"127\.0\.0\.9","address":"127\.0\.0\.9","trusted":false\}\]\}'
is "another process does not know the ticket" "$(get "http://127.0.0.1:$(port hashed server.port)$path")" 404
is "without a ticket there is no such path" "$(get "http://127.0.0.1:$far/api/explain-ip")" 404
is "with a made-up one neither" "$(get "http://127.0.0.1:$far${path%?????}00000")" 404
is "POST neither" "$(get "http://127.0.0.1:$direct$path" -d '')" 404
is "the admin port explains what is given" "$(get "$admin/explain-ip?peer=127.0.0.2&x-forwarded-for=127.0.0.66,%20127.0.0.9:80")" 200
has "what is given: the client" "$(cat body)" '^\{"client":"127\.0\.0\.9","found":"found"'
is "the admin port explains the request that asks" "$(get "$admin/explain-ip" --interface 127.0.0.9 "${lie[@]}")" 200
has "which came without a proxy" "$(cat body)" '^\{"client":"127\.0\.0\.9","found":"ignored"'
is "the admin port: a peer that is none" "$(get "$admin/explain-ip?peer=x")" 400
has "a peer that is none: the remedy" "$(cat body)" 'is no address: write'

# --- the document ----------------------------------------------------------------------------------------

python3 - "$root/docs/ADDRESSES.md" <<'END' >examples
import re, sys
for block in re.findall(r"^```\w*\n(.*?)^```$", open(sys.argv[1]).read(), re.S | re.M):
    command, _, output = block.partition("\n")
    if command.startswith("$ svc-ingest "):
        print(command[2:] + "\0" + output, end="\0")
END
examples=0
while IFS= read -r -d '' command && IFS= read -r -d '' want; do
    examples=$((examples + 1))
    is "ADDRESSES.md: $command" "$(PATH=$bin:$PATH bash -c "$command" 2>&1)" "${want%$'\n'}"
done <examples
is "ADDRESSES.md has so many examples" "$examples" 6
