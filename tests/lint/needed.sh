#!/bin/sh
# Which shared libraries each program asks for.
#   needed.sh BINDIR
. "$(dirname "$0")/lib.sh"
dir=${1:?usage: needed.sh BINDIR}
looked=0
out=$(grep -v '^#' "$here/needed.txt" | while IFS=: read -r program bad; do
    program=$(echo $program)
    [ -f "$dir/$program" ] || continue
    echo "looked"
    for lib in $bad; do
        readelf -d "$dir/$program" | grep -q "(NEEDED).*\[$lib" &&
            echo "$dir/$program:1: needs $lib; leave that archive out of its link, see its module.mk"
    done
done)
looked=$(printf '%s\n' "$out" | grep -c '^looked$')
if [ "$looked" -eq 0 ]; then
    echo "no program in $dir: run make first"
    exit 77
fi
printf '%s\n' "$out" | grep -v '^looked$' | verdict
