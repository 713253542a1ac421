#!/bin/sh
# Installs the Debian packages named as arguments that are not installed yet; silent when none is missing.
# Elsewhere than Debian, or without the right to install, it prints the list and stops: nothing is guessed.
set -eu

missing=''
have=''
if command -v dpkg-query >/dev/null 2>&1; then
    have=$(dpkg-query -W -f='${Package} ${Status}\n' "$@" 2>/dev/null | sed -n 's/ .*ok installed$//p')
fi
for p in "$@"; do
    printf '%s\n' "$have" | grep -qx "$p" || missing="$missing $p"
done

# The libevent of Debian 12 before its 2026 security update parses HTTP unsafely; get the update.
if command -v dpkg-query >/dev/null 2>&1; then
    have=$(dpkg-query -W -f='${Version}' libevent-core-2.1-7 2>/dev/null || true)
    if [ -n "$have" ] && dpkg --compare-versions "$have" lt 2.1.12-stable-8+deb12u1 &&
        printf '%s\n' "$@" | grep -qx libevent-dev; then
        missing="$missing libevent-2.1-7 libevent-core-2.1-7 libevent-dev"
    fi
fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "These Debian packages (or their equivalents) are needed and apt-get is not here:$missing" >&2
    exit 69
fi
sudo=''
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "Run as root (or with sudo): apt-get install$missing" >&2
        exit 77
    fi
    sudo=sudo
fi

# Two makes may come here at once, and apt does not wait for itself.
exec 9<"$0"
flock 9

echo "  DEPS    installing:$missing"
log=$(mktemp)
placed=''
trap 'rm -f "$log"; [ -z "$placed" ] || $sudo rm -f "$placed"' EXIT
trap 'exit 130' INT TERM HUP

# Debian starts a server that it installs, and again with the machine. Tests start their own, at free ports, so neither
# may happen to a server that was not here before. One that was stays as it is.
servers=''
for s in nginx haproxy postgresql; do
    case $missing in
    *" $s"*) [ -e "/lib/systemd/system/$s.service" ] || servers="$servers $s" ;;
    esac
done
policy=/usr/sbin/policy-rc.d
if [ -n "$servers" ] && [ ! -e "$policy" ]; then
    placed=$policy
    printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
    $sudo chmod 755 "$policy"
fi
# One retry after a refresh: the package lists of a fresh machine are empty or old.
install() {
    # shellcheck disable=SC2086 # the list is split on purpose
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >"$log" 2>&1
}
$sudo apt-get update >"$log" 2>&1 || { cat "$log" >&2; echo "apt-get update failed" >&2; exit 69; }
install || { tail -n 30 "$log" >&2; echo "apt-get could not install:$missing" >&2; exit 69; }
for s in $servers; do
    [ ! -e "/lib/systemd/system/$s.service" ] || $sudo update-rc.d "$s" disable >"$log" 2>&1 || cat "$log" >&2
done
