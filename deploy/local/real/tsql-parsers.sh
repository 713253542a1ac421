#!/usr/bin/env bash
# Two parsers of T-SQL, sqlfluff and sqlglot from PyPI, in a virtual environment of their own (tsql-parsers.txt has
# the versions and hashes). They read what is rendered for SQL Server; nothing of the product needs them.
#   tsql-parsers.sh        installs them unless they are there, prints the path of the Python that has them
# They lie in ${PX_CACHE:-~/.cache/pixel-analytics}, 75 MiB.
. "$(dirname "$0")/common.sh"

wanted=$(cd "$(dirname "$0")" && pwd)/tsql-parsers.txt
cache=${PX_CACHE:-${HOME:-/tmp}/.cache/pixel-analytics}
home=$cache/tsql-parsers-$(sha256sum <"$wanted" | cut -c1-12)
python=/usr/bin/python3 # Debian's

install() {
    [ -x "$python" ] || fail "python3 is missing: make deps-test"
    mkdir -p "$cache"
    exec 9>"$cache/tsql-parsers.lock"
    flock -w 300 9 || fail "$cache/tsql-parsers.lock is held for 5 minutes"
    [ ! -e "$home/.complete" ] || return 0
    rm -rf "$home"
    echo "  DEPS    installing: $(sed -n 's/ --hash.*//p' "$wanted" | tr '\n' ' ')" >&2
    if ! "$python" -m venv "$home" >"$cache/tsql-parsers.log" 2>&1 ||
        ! "$home/bin/pip" --disable-pip-version-check install --no-deps --only-binary :all: --require-hashes -r "$wanted" \
            >>"$cache/tsql-parsers.log" 2>&1; then
        fail "the parsers of T-SQL were not installed; see $cache/tsql-parsers.log"
    fi
    touch "$home/.complete"
}

[ -e "$home/.complete" ] || install
echo "$home/bin/python3"
