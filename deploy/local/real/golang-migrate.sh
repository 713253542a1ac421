#!/usr/bin/env bash
# golang-migrate for PostgreSQL and SQLite, built once from its Go module by any Go from 1.19 on (Debian's is enough).
#   golang-migrate.sh        builds it unless it is there, prints the path of the program
# It lies in ${PX_CACHE:-~/.cache/pixel-analytics}; the modules and the build's own cache go again.
. "$(dirname "$0")/common.sh"

version=${GOLANG_MIGRATE_VERSION:-v4.16.2} # the last one that Go 1.19 builds
cache=${PX_CACHE:-${HOME:-/tmp}/.cache/pixel-analytics}
home=$cache/golang-migrate-$version
# Debian's Go brings its library built; one from elsewhere builds that first, which takes twice as long.
go=$(ls -d /usr/lib/go-*/bin/go 2>/dev/null | sort -V | tail -n 1)
go=${go:-$(command -v go)}

build() {
    [ -n "$go" ] || fail "go is missing: make deps-test"
    mkdir -p "$cache"
    exec 9>"$cache/golang-migrate.lock"
    flock -w 300 9 || fail "$cache/golang-migrate.lock is held for 5 minutes"
    [ ! -x "$home/migrate" ] || return 0
    rm -rf "$home" "$home.part"
    mkdir -p "$home.part/bin"
    env GOFLAGS=-modcacherw GOTOOLCHAIN=local GOBIN="$home.part/bin" GOPATH="$home.part/path" GOCACHE="$home.part/cache" \
        "$go" install -tags 'postgres sqlite' "github.com/golang-migrate/migrate/v4/cmd/migrate@$version" \
        >"$cache/golang-migrate.log" 2>&1 || fail "golang-migrate $version was not built; see $cache/golang-migrate.log"
    mv "$home.part/bin" "$home"
    rm -rf "$home.part"
}

[ -x "$home/migrate" ] || build
echo "$home/migrate"
