#!/usr/bin/env bash
# The settings of docs/ADDRESSES.md, as they stand there, in Debian's nginx and HAProxy before the real svc-ingest: the
# client that is found is the one that connected, whatever it brings along. 127.0.0.5 and ::1 are clients, 127.0.0.66 is
# what they claim to be; nginx connects from 127.0.0.2, HAProxy from 127.0.0.3. Both run as one process each, in front.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin
page=$root/docs/ADDRESSES.md

launch broker "$bin/px-devbroker" --address-file "$work/broker.env" --topic "$topic:1" --topic "$dlq:1"
within 10 test -s "$work/broker.env" || die "the broker started"
# shellcheck source=/dev/null
. "$work/broker.env"
kafka=(--set "Kafka:BootstrapServers=$KAFKA_BOOTSTRAP" --set Kafka:Linger=0s --set Ingest:Workers=1)
policy=(--set Proxy:Trusted=127.0.0.2/31 --set Privacy:ClientAddress=full)
rfc_policy=("${policy[@]}" --set Proxy:Header=forwarded)
ingest_up xff "${policy[@]}"
ingest_up rfc "${rfc_policy[@]}"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1 -keyout collect.key -out cert.pem 2>openssl.log ||
    die "a certificate was made ($(cat openssl.log))"
cat cert.pem collect.key >collect.pem
ingest_up tls "${policy[@]}" --set "Http:TlsCertificate=$work/cert.pem" --set "Http:TlsKey=$work/collect.key"
for i in xff rfc tls; do ready "$i" 20; done
to_xff=127.0.0.1:$(port xff server.port) to_rfc=127.0.0.1:$(port rfc server.port)

# --- the settings of the page, at our ports ---------------------------------------------------------------

fence() { # language n: the nth such block
    awk -v fence="\`\`\`$1" -v n="$2" '/^```/ { open = !open; inside = open && $0 == fence && ++k == n; next } inside' "$page"
}
swap() { # text by [text by]...: in standard input; each text must stand there
    local all
    all=$(cat)
    while [ $# -gt 0 ]; do
        [[ $all == *"$1"* ]] || echo "$1" >>missing
        all=${all//"$1"/"$2"}
        shift 2
    done
    printf '%s\n' "$all"
}
v6=
if grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null; then v6=1; fi
option_forwarded= # of HAProxy: there since 2.8
if haproxy -v | awk '{ split($3, v, "."); exit !(v[1] * 1000 + v[2] >= 2008) }'; then option_forwarded=1; fi
declare -A at=() # ports of the proxies by what they are
nginx_at=(nginx inner passes default full short)
haproxy_at=(haproxy row plain rfc wrong if_none before_full before_short speaks tcp ${option_forwarded:+option})
pick_ports() {
    local name
    at=()
    for name in "${nginx_at[@]}" "${haproxy_at[@]}"; do
        at[$name]=$(free_port)
        while [ "$(printf '%s\n' "${at[@]}" | sort | uniq -d)" ]; do at[$name]=$(free_port); done
    done
}

# What ingress-nginx makes of the settings of the page (rootfs/etc/nginx/template/nginx.tmpl of the controller), as far
# as the request depends on it. Its realip trusts everybody by default.
ingress_server() { # name realip what
    echo "server { listen 127.0.0.1:${at[$1]};"
    [ "$2" = off ] || echo "real_ip_header X-Forwarded-For; real_ip_recursive on; set_real_ip_from 0.0.0.0/0;"
    cat <<EOF
    location / {
        proxy_set_header Host \$http_host;
        proxy_set_header Upgrade \$http_upgrade;
        proxy_set_header Connection \$connection_upgrade;
        proxy_set_header X-Real-IP \$remote_addr;
        proxy_set_header X-Forwarded-For $3;
        proxy_set_header X-Original-Forwarded-For \$http_x_forwarded_for;
        proxy_http_version 1.1;
        proxy_pass http://px_ingest;
    }
}
EOF
}
nginx_server() { # name target: the page's server once more, without TLS, and letting more through than it does by default
    fence nginx 1 | sed -n '/^server/,$p' | swap /etc/nginx/ "$work/" "listen 443 ssl http2;" "listen 127.0.0.1:${at[$1]};" \
        http://px_ingest "$2" "server_name collect.example;" "server_name collect.example; underscores_in_headers on;"
}
nginx_conf() {
    local i
    echo "daemon off; master_process off; pid nginx.pid; events {}"
    echo "http { access_log off; proxy_bind 127.0.0.2;"
    for i in client_body proxy fastcgi uwsgi scgi; do echo "${i}_temp_path $work/temp_$i;"; done
    fence nginx 1 | swap 10.0.0.20:8080 "$to_xff" /etc/nginx/ "$work/" \
        "listen 443 ssl http2;" "listen 127.0.0.1:${at[nginx]} ssl http2; ${v6:+listen [::1]:${at[nginx]} ssl http2;}"
    nginx_server inner http://px_ingest
    nginx_server passes "http://$to_rfc"
    cat <<'EOF'
map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
map $http_x_forwarded_for $full_x_forwarded_for {
    default "$http_x_forwarded_for, $realip_remote_addr";
    '' "$realip_remote_addr";
}
EOF
    # shellcheck disable=SC2016 # variables of nginx
    ingress_server default off '$remote_addr' && ingress_server full on '$full_x_forwarded_for' && ingress_server short on '$remote_addr'
    echo "}"
}
plain() { # name target: the page's frontend and backend once more, without TLS
    fence haproxy 1 | sed '1,/^$/d' | swap "bind :443 ssl crt /etc/haproxy/collect.pem alpn h2,http/1.1" "bind 127.0.0.1:${at[$1]}" \
        "frontend collect" "frontend $1" px_ingest "to_$1" 10.0.0.20:8080 "$2"
}
haproxy_conf() {
    printf 'global\n    nbthread 1\n'
    fence haproxy 1 | swap "mode http" "mode http"$'\n'"    source 127.0.0.3" 10.0.0.20:8080 "$to_xff" \
        /etc/haproxy/ "$work/" "bind :443 " "bind 127.0.0.1:${at[haproxy]}${v6:+,[::1]:${at[haproxy]}} "
    plain plain "$to_xff"
    plain row "127.0.0.1:${at[inner]}"
    plain rfc "$to_rfc" | swap "    option forwardfor" "$(fence haproxy 2)"
    plain wrong "$to_rfc"
    plain if_none "$to_xff" | swap "option forwardfor" "option forwardfor if-none"
    plain before_full "127.0.0.1:${at[full]}"
    plain before_short "127.0.0.1:${at[short]}"
    plain speaks "$to_xff send-proxy"
    printf 'listen tcp\n    mode tcp\n    bind 127.0.0.1:%s\n    server one 127.0.0.1:%s\n' "${at[tcp]}" "$(port tls server.port)"
    [ -z "$option_forwarded" ] || plain option "$to_rfc" | swap "option forwardfor" "option forwarded"
}
listening() { # program names...: all of those ports are its own, or it has ended
    local program=$1 name held
    shift
    gone "${pids[$program]}" && return 0
    held=$(ss -Hltnp | grep -F "pid=${pids[$program]},")
    for name; do
        [[ $held == *":${at[$name]} "* ]] || return 1
    done
}
proxies_up() { # another program may have taken a port since it was found free: then once more
    local try
    for try in 1 2 3; do
        pick_ports
        nginx_conf >nginx.conf && haproxy_conf >haproxy.cfg
        launch nginx nginx -p "$work" -e stderr -c "$work/nginx.conf"
        launch haproxy haproxy -db -f "$work/haproxy.cfg"
        within 10 listening nginx "${nginx_at[@]}" && within 10 listening haproxy "${haproxy_at[@]}"
        if running "${pids[nginx]}" && running "${pids[haproxy]}"; then return 0; fi
        echo "# the proxies did not start, attempt $try: $(tail -n 1 nginx.log) $(tail -n 1 haproxy.log)"
        kill -9 "${pids[nginx]}" "${pids[haproxy]}" 2>/dev/null
    done
    return 1
}
proxies_up || die "nginx and HAProxy started"
is "the page says all that was replaced" "$(cat missing 2>/dev/null)" ""
nginx=https://localhost:${at[nginx]} haproxy=https://localhost:${at[haproxy]}
to() { echo "http://127.0.0.1:${at[$1]}"; }

# --- who sent it ------------------------------------------------------------------------------------------

sent=0 names=() wants=()
sends() { # name want url curl-options...: an event; what it must hold of its sender is looked at in the end
    local name=$1 want=$2 url=$3
    shift 3
    sent=$((sent + 1))
    names[sent]=$name wants[sent]=$want
    is "$name: sent" "$(get "$url/api/pixel/visit?bannerTag=b&playerId=player-$sent-" --cacert cert.pem --interface 127.0.0.5 "$@")" 200
}
# shellcheck disable=SC2034 # all of these are used by name
{
    lie=(-H 'X-Forwarded-For: 127.0.0.66' -H 'Forwarded: for=127.0.0.66' -H 'X-Real-IP: 127.0.0.66' -H 'CF-Connecting-IP: 127.0.0.66'
        -H 'X_Forwarded_For: 127.0.0.66' -H 'X-Original-Forwarded-For: 127.0.0.66')
    inside=(-H 'X-Forwarded-For: 127.0.0.66, 127.0.0.2, 127.0.0.3' -H 'Forwarded: for=127.0.0.66, for=127.0.0.2, for="127.0.0.3:80"')
    several=(-H 'X-Forwarded-For: 127.0.0.66' -H 'X-Forwarded-For: 127.0.0.66' -H 'Forwarded: for=127.0.0.66' -H 'Forwarded: for=127.0.0.66;x="')
    rubbish=(-H 'X-Forwarded-For: ",,<>' -H 'X-Forwarded-For: [::1' -H 'Forwarded: for="' -H 'Forwarded: ;,;for=')
    empty=(-H 'X-Forwarded-For;' -H 'Forwarded;' -H 'X-Forwarded-For: ,, ,' -H 'Forwarded: for=127.0.0.66, ,')
    hop=(-H 'X-Forwarded-For: 127.0.0.66' -H 'Connection: close, X-Forwarded-For, Forwarded')
    many=() more=() # fields than are kept for the walk
    for i in {1..45}; do many+=(-H "X-Forwarded-For: 127.0.0.66") more+=(-H "Forwarded: for=127.0.0.66"); done
    long=(-H "X-Forwarded-For: 127.0.0.66$(printf ', 127.0.0.66%.0s' {1..300})" -H "Forwarded: for=127.0.0.66$(printf ', for=127.0.0.66%.0s' {1..200})")
}
liars() { # name url curl-options...
    local name=$1 url=$2 lies
    shift 2
    sends "$name" 127.0.0.5 "$url" "$@"
    for lies in lie inside several rubbish empty hop many more long; do
        local -n fields=$lies
        sends "$name, $lies" 127.0.0.5 "$url" "${fields[@]}" "$@"
    done
}
liars "nginx, HTTP/1.1 by TLS" "$nginx" --http1.1
liars "HAProxy, HTTP/1.1 by TLS" "$haproxy" --http1.1
sends "nginx, HTTP/2" 127.0.0.5 "$nginx" --http2 "${lie[@]}"
is "nginx, HTTP/2: it is" "$(head -n 1 head | cut -d ' ' -f 1)" HTTP/2
sends "HAProxy, HTTP/2" 127.0.0.5 "$haproxy" --http2 "${lie[@]}"
is "HAProxy, HTTP/2: it is" "$(head -n 1 head | cut -d ' ' -f 1)" HTTP/2
liars "HAProxy, then nginx" "$(to row)"
liars "HAProxy, Forwarded" "$(to rfc)"
if [ "$option_forwarded" ]; then
    liars "HAProxy, option forwarded" "$(to option)"
else
    tap 0 "HAProxy, option forwarded # SKIP it needs HAProxy 2.8, here is $(haproxy -v | awk '{ print $3; exit }')"
fi
liars "ingress-nginx, by default" "$(to default)"
liars "HAProxy, then ingress-nginx with full fields" "$(to before_full)"
if [ "$v6" ]; then
    sends "nginx, IPv6" ::1 "${nginx/localhost/[::1]}" --interface ::1 "${lie[@]}"
    sends "HAProxy, IPv6" ::1 "${haproxy/localhost/[::1]}" --interface ::1 "${lie[@]}"
else
    tap 0 "by IPv6 # SKIP there is no ::1 here"
fi

# What the page warns of is so.
sends "if-none lets clients choose" 127.0.0.66 "$(to if_none)" "${lie[@]}"
sends "the field that no proxy writes lets clients choose" 127.0.0.66 "$(to wrong)" "${lie[@]}"
sends "nginx, too, passes that field on" 127.0.0.66 "$(to passes)" "${lie[@]}"
sends "ingress-nginx without full fields lets clients choose" 127.0.0.66 "$(to before_short)" "${lie[@]}"
sends "behind a proxy of TCP, by our own TLS, the proxy counts" 127.0.0.3 "https://localhost:${at[tcp]}" --http1.1 -H 'User-Agent: x'
is "the PROXY protocol is not spoken" "$(get "$(to speaks)/api/pixel/visit?bannerTag=b&playerId=p")" 400
is "the PROXY protocol: why" "$(head_field X-Error-Code)" bad_syntax

# --- the walk, explained ----------------------------------------------------------------------------------

agree() { # name service url peer field value: the walk of a real request, and of what the proxy must have sent
    local name=$1 service=$2 url=$3 peer=$4 field=$5 value=$6 admin set path walk
    admin=http://127.0.0.1:$(port "$service" admin.port)
    is "$name: a ticket" "$(get "$admin/explain-ip/ticket")" 200
    path=$(sed -nE 's/.*"path":"([^"]*)".*/\1/p' body)
    is "$name: the walk" "$(get "$url$path" --cacert cert.pem --interface 127.0.0.5 "${lie[@]}")" 200
    walk=$(cat body)
    has "$name: the client" "$walk" '^\{"client":"127\.0\.0\.5","found":"found"'
    is "$name: the admin port" "$(get "$admin/explain-ip" -G --data-urlencode "peer=$peer" --data-urlencode "$field=$value")" 200
    is "$name: the admin port says the same" "$(cat body)" "$walk"
    local -n set=$7
    is "$name: and so does the command" "$("$bin/svc-ingest" "${set[@]}" --explain-ip "$peer" "--$field" "$value" --json 2>&1)" "$walk"
}
agree nginx xff "$nginx" 127.0.0.2 x-forwarded-for "127.0.0.66, 127.0.0.5" policy
agree HAProxy xff "$haproxy" 127.0.0.3 x-forwarded-for "127.0.0.66,127.0.0.5" policy
agree "two in a row" xff "$(to row)" 127.0.0.2 x-forwarded-for "127.0.0.66, 127.0.0.5, 127.0.0.3" policy
agree Forwarded rfc "$(to rfc)" 127.0.0.3 forwarded "for=127.0.0.66,for=127.0.0.5" rfc_policy

# --- bodies, the script, connections ----------------------------------------------------------------------

connections() { # name: those of that proxy, or of the inner one, with svc-ingest
    local from=127.0.0.2
    [ "$1" != haproxy ] || from=127.0.0.3
    ss -Htn state established src "$from" dst "$to_xff" | awk '{ print $3 }' | sort
}
reused() { # and what differs
    comm -3 before after
    [ -s after ] && [ -z "$(comm -13 before after)" ]
}
is "px.js" "$(get "http://$to_xff/px.js" -H 'Accept-Encoding: gzip')" 200
cp body px.js
tag=$(head_field ETag)
for name in nginx haproxy row; do
    case $name in row) url=$(to row) ;; *) url=${!name} ;; esac
    sent=$((sent + 1))
    names[sent]="$name, gzip" wants[sent]=127.0.0.5
    printf '[{"eventType":"visit","playerId":"player-%s-","bannerTag":"b"}]%2000s' "$sent" '' | gzip >body.gz
    is "$name: a gzip body" "$(get "$url/api/events" --cacert cert.pem --interface 127.0.0.5 --data-binary @body.gz \
        -H 'Content-Type: application/json' -H 'Content-Encoding: gzip' "${lie[@]}")" 200
    has "$name: a gzip body is accepted" "$(cat body)" '"accepted":1'
    is "$name: px.js" "$(get "$url/px.js" --cacert cert.pem -H 'Accept-Encoding: gzip')" 200
    check "$name: px.js, the same bytes" cmp body px.js
    is "$name: px.js, unchanged" "$(get "$url/px.js" --cacert cert.pem -H 'Accept-Encoding: gzip' -H "If-None-Match: $tag")" 304
    connections "$name" >before
    get "$url/robots.txt?[1-10]" --http1.1 -H 'Connection: close' --cacert cert.pem >statuses
    connections "$name" >after
    check "$name: ten connections of clients need no new one" reused
    is "$name: all ten are answered" "$(cat statuses)" "$(printf '200%.0s' {1..10})"
done

# --- what a proxy passes on is judged again ---------------------------------------------------------------

adopt python3 "$root/tests/e2e/smuggle.py" "nginx=${at[inner]}" "HAProxy=${at[plain]}" "row=${at[row]}"
sends "nginx after all that" 127.0.0.5 "$nginx" "${lie[@]}"
sends "HAProxy after all that" 127.0.0.5 "$haproxy" "${lie[@]}"
sends "both after all that" 127.0.0.5 "$(to row)" "${lie[@]}"
check "the gate has refused some" test "$(metric xff px_http_refused_total)" -ge 6
found() { metric xff "px_client_address_total{found=\"$1\"}"; }
is "who came by themselves: for px.js, once" "$(found direct)" 1
is "all others were found" "$(found found)" "$(($(metric xff px_client_address_total) - 1))"

# --- what is kept -----------------------------------------------------------------------------------------

events=$(kcat -b "$KAFKA_BOOTSTRAP" -C -t "$topic" -e -q -D $'\n' 2>kcat.log | tr -d '\0')
for i in "${!names[@]}"; do
    is "${names[i]}: kept" "$(grep -a "player-$i-" <<<"$events" | grep -aoE '127\.0\.0\.[0-9]+|::1')" "${wants[i]}"
done
has "requests behind odd ones are there" "$events" 'player-behind-'
has_not "nothing was smuggled" "$events" smuggled
