#!/usr/bin/env bash
# Certificates for tests and for trying out, by openssl: an authority of one's own and what it signs. Not for
# production: the authority's key lies beside its certificate, unencrypted.
#   certs.sh ca DIR                    DIR/ca.pem and DIR/ca.key; one that is there stays
#   certs.sh issue DIR NAME [NAMES]    DIR/NAME.pem and DIR/NAME.key (mode 600), signed by DIR's authority; the
#                                      subject is CN=NAME. NAMES are the hosts of a server, as
#                                      DNS:localhost,IP:127.0.0.1; without them it is a client's certificate.
# CERT_DAYS=n: valid for n days from now (30); below 0 it expired that long ago.
. "$(dirname "$0")/common.sh"
set -o pipefail
umask 077

make_ca() {
    [ -s "$dir/ca.pem" ] && return 0
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=pixel-analytics test authority" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>"$dir/openssl.log" || fail "openssl: $(tail -n 1 "$dir/openssl.log")"
    chmod 644 "$dir/ca.pem"
}

issue() { # name [names]
    local usage=clientAuth
    [ -s "$dir/ca.key" ] || fail "$dir: has no authority: certs.sh ca $dir"
    [ -z "${2:-}" ] || usage=serverAuth,clientAuth
    {
        echo "basicConstraints=critical,CA:FALSE"
        echo "keyUsage=critical,digitalSignature,keyEncipherment"
        echo "extendedKeyUsage=$usage"
        [ -z "${2:-}" ] || echo "subjectAltName=$2"
    } >"$dir/$1.ext"
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$dir/$1.key" -out "$dir/$1.csr" 2>"$dir/openssl.log" &&
        openssl x509 -req -in "$dir/$1.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
            -days "${CERT_DAYS:-30}" -extfile "$dir/$1.ext" -out "$dir/$1.pem" 2>>"$dir/openssl.log" ||
        fail "openssl: $(tail -n 1 "$dir/openssl.log")"
    rm -f "$dir/$1.csr" "$dir/$1.ext"
    chmod 644 "$dir/$1.pem"
}

usage() { sed -n '4,8s/^# *//p' "$0" >&2; exit 64; }
command -v openssl >/dev/null || fail "openssl is missing: make deps-stack"
[ $# -ge 2 ] || usage
command=$1
mkdir -p "$2" && dir=$(cd "$2" && pwd) || fail "$2: cannot be made"
shift 2
case $command in
ca) make_ca ;;
issue) if [ $# -ge 1 ]; then issue "$@"; else usage; fi ;;
*) usage ;;
esac
