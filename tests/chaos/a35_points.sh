#!/usr/bin/env bash
# quick
# Row 35 has every step: each failpoint of the source is one at which a test or scenario does something to the
# process, and each one of the aggregator's is in the list that a35_kill_points.sh goes through. No servers.
# shellcheck source=tests/chaos/a_common.sh
. "$(dirname "$0")/a_common.sh"
cd "$root" || exit 1

arguments() { grep -rhoE 'PX_FAILPOINT\([^)]+\)' libcore/src svc-*/src --include='*.c' | sed 's/^PX_FAILPOINT(//; s/)$//' | sort -u; }
operators() { # the names that store.c makes points of: its own tables, then the rows of rollups.yaml
    sed -nE 's/.*op_add\(o, "([a-z_]+)"\).*/\1/p' svc-aggregator/src/event/store.c
    sed -nE 's/^  - name: ([a-z_]+)$/\1/p' schemas/rollups.yaml
}
points() {
    arguments | sed -nE 's/^"([a-z_.]+)"$/\1/p'
    operators | sed 's/^/agg.after_store_/'
}
used() { # point: by a test that is not this one
    grep -rqE "(^|[^a-z_.])${1//./\\.}([^a-z_]|\$)" tests --include='*.c' --include='*.sh' --exclude-dir=unit
}
unused() {
    local p
    for p in "$@"; do used "$p" || echo "$p"; done
}
# Those of commands: test_kill_rebuild, test_kill_retention, test_kill_erase and test_apply_replay kill there.
of_commands='^agg\.(rebuild|replay|retain|erase)_'
listed() { printf '%s\n' "${kill_points[@]%%:*}" | sort; }

mapfile -t all < <(points | sort -u)
check "the source has failpoints" [ "${#all[@]}" -ge 17 ]
is "a failpoint without a literal name is the operators'" "$(arguments | grep -v '^"')" "op->failpoint"
is "every failpoint is used by a test" "$(unused "${all[@]}")" ""
is "... and one that is not would be noticed" "$(unused agg.after_poll "agg.$(echo never)_passed" | wc -l)" 1
is "a35_kill_points kills at every failpoint of a batch" "$(listed)" "$(printf '%s\n' "${all[@]}" | grep '^agg\.' | grep -vE "$of_commands")"
is "... at three passages each" "$(printf '%s\n' "${kill_points[@]}" | grep -cE ':[0-9]+,[0-9]+,[0-9]+$')" "${#kill_points[@]}"
