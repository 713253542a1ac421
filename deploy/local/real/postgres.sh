#!/usr/bin/env bash
# PostgreSQL on loopback from Debian's package, unprivileged, beside any server the machine already runs.
#   postgres.sh start DIR [PORT]     start; on a DIR that has data, go on with it at the same port
#   postgres.sh restart DIR [MODE]   smart, fast (default) or immediate
#   postgres.sh stop DIR | kill DIR  wait for the end | SIGKILL
# DIR/env then holds PG_CONNECTION (ODBC, without password), PG_PASSWORD, PG_URL (for psql), PG_PORT, PG_PID.
# The role px owns the database `analytics` and asks for its password. As root it runs as user postgres.
# PG_OPTIONS: further lines of postgresql.conf, separated by semicolons ("fsync=off;max_connections=5").
# When postgres may not reach DIR, the data lies below /tmp and goes with `stop`; with PG_KEEP=1 it lies below
# /var/tmp and stays, like that in DIR.
. "$(dirname "$0")/common.sh"

pg_bin=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}
database=analytics role=px

as_owner() { # initdb and the server refuse to run as root
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

make_home() { # where the data lies: DIR, or a folder of its own when postgres cannot get there
    home=$dir
    if [ "$(id -u)" -eq 0 ] && ! as_owner test -x "$dir"; then
        home=$(mktemp -d "${PG_KEEP:+/var}/tmp/px-postgres.XXXXXX")
        chmod 755 "$home"
    fi
    echo "$home" >"$dir/home"
    rm -rf "$home/data" # of an initdb that was interrupted
    mkdir -p -m 700 "$home/data"
    [ "$(id -u)" -ne 0 ] || chown postgres "$home/data"
}

settings() { # port
    cat <<CONF

listen_addresses = '127.0.0.1'
port = $1
unix_socket_directories = ''
max_connections = 50
shared_buffers = 64MB
timezone = 'UTC'
CONF
    [ -z "${PG_OPTIONS:-}" ] || tr ';' '\n' <<<"$PG_OPTIONS"
}

create() { # port
    local secret
    make_home
    rm -f "$dir/port"
    secret=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && printf '%s\n' "$secret" | tee "$dir/password" >"$home/first-password")
    [ "$(id -u)" -ne 0 ] || chown postgres "$home/first-password" # initdb must read it itself
    as_owner "$pg_bin/initdb" -D "$home/data" -U "$role" -A scram-sha-256 -E UTF8 --locale=C.UTF-8 \
        --pwfile="$home/first-password" >"$dir/initdb.log" 2>&1 || {
        rm -rf "$home/data" "$home/first-password"
        fail "initdb failed; see $dir/initdb.log"
    }
    rm -f "$home/first-password"
    settings "$1" | as_owner tee -a "$home/data/postgresql.conf" >/dev/null
    echo "$1" >"$dir/port"
}

control() { as_owner "$pg_bin/pg_ctl" -D "$home/data" -t 60 -w "$@" >>"$dir/pg_ctl.log" 2>&1; }
server_pid() { as_owner head -n 1 "$home/data/postmaster.pid" 2>/dev/null; }

announce() {
    local port secret
    port=$(cat "$dir/port") secret=$(cat "$dir/password")
    (
        umask 077
        cat >"$dir/env" <<ENV
PG_PORT=$port
PG_PID=$(server_pid)
PG_PASSWORD=$secret
PG_URL=postgresql://$role:$secret@127.0.0.1:$port/$database
PG_CONNECTION='Driver={PostgreSQL Unicode};Servername=127.0.0.1;Port=$port;Database=$database;Username=$role;SSLmode=disable'
ENV
    )
}

sql() { # database text
    PGPASSWORD=$(cat "$dir/password") "$pg_bin/psql" -h 127.0.0.1 -p "$(cat "$dir/port")" -U "$role" -d "$1" -qAtc "$2"
}

start() {
    [ -x "$pg_bin/initdb" ] || fail "PostgreSQL is missing: make deps-stack"
    # The port is written last: without it nothing was completed.
    { [ -s "$dir/home" ] && [ -s "$dir/port" ] && [ -d "$home/data" ]; } || create "${1:-$(free_port)}"
    running "$(server_pid)" && fail "$dir: running already, pid $(server_pid)"
    # After a kill the old backends may need a moment to notice; until then the start is refused.
    until_true 20 control -l "$home/data/server.log" start || {
        as_owner tail -n 5 "$home/data/server.log" >&2
        fail "PostgreSQL did not start; see $home/data/server.log"
    }
    [ "$(sql postgres "select 1 from pg_database where datname = '$database'")" = 1 ] ||
        sql postgres "create database $database" || fail "the database could not be created"
    announce
}

stop() {
    [ -s "$dir/home" ] || return 0
    if running "$(server_pid)"; then
        control -m fast stop || control -m immediate stop || fail "pid $(server_pid) does not end"
    fi
    if [ "$home" != "$dir" ] && [ -z "${PG_KEEP:-}" ]; then
        rm -rf "$home" "$dir/home"
    fi
}

[ $# -ge 2 ] || { sed -n '3,5s/^# *//p' "$0" >&2; exit 64; }
command=$1
mkdir -p "$2" && dir=$(cd "$2" && pwd) || fail "$2: cannot be made"
shift 2
home=$(cat "$dir/home" 2>/dev/null)
case $command in
start) start "$@" ;;
stop) stop ;;
restart) control -m "${1:-fast}" restart && announce ;;
kill)
    pid=$(server_pid)
    [ -z "$pid" ] || kill -9 "$pid"
    until_true 5 gone "$pid"
    ;;
*) fail "unknown command $command" ;;
esac
