#!/bin/sh
# Planted defects (px/defect.h): every row is planted, every plant is a row, and no program of a release
# holds the name of one.
#   defects.sh BINDIR    programs of a build without DEFECTS=1; those of one with it are not looked at
. "$(dirname "$0")/lib.sh"
dir=${1:?usage: defects.sh BINDIR}
table=libcore/include/px/defect.h
rows=
[ ! -f "$table" ] || rows=$(sed -n 's/^ *X("\([^"]*\)").*/\1/p' "$table")
plants=$(product_files | xargs -r grep -no 'PX_DEFECT("[^"]*")' /dev/null)
{
    for name in $rows; do
        case $plants in
        *"PX_DEFECT(\"$name\")"*) ;;
        *) echo "$table:$(grep -nF "\"$name\"" "$table" | cut -d: -f1): \"$name\" is planted nowhere; delete the row" ;;
        esac
    done
    printf '%s\n' "$plants" | sed -n 's/^\([^:]*:[0-9]*\):PX_DEFECT("\([^"]*\)")$/\1 \2/p' |
        while read -r where name; do
            printf '%s\n' "$rows" | grep -qxF "$name" ||
                echo "$where: \"$name\" is no row of $table; add it there, and its scenario to tests/defects"
        done
    case $dir in
    *-defects/*) ;;
    *)
        for program in $(sources 'svc-*' "$dir"); do
            for name in $rows; do
                ! grep -qaF "$name" "$program" ||
                    echo "$program:1: \"$name\" is in a release; plant it with PX_DEFECT only"
            done
        done
        ;;
    esac
} | verdict
