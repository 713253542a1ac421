#!/bin/sh
# What the archives of a build export and which of their objects hold writable state.
#   symbols.sh LIBDIR    the folder of the archives of a release build
# libcore*.a exports px_* only, svc_*.a its own prefix; writable state needs a row in globals.allow.
. "$(dirname "$0")/lib.sh"
dir=${1:?usage: symbols.sh LIBDIR}
found=$(sources '*.a' "$dir" | grep -E '/(libcore|svc_)[^/]*\.a$')
if [ -z "$found" ]; then
    echo "no archives in $dir: run make first"
    exit 77
fi
for a in $found; do objdump -t "$a"; done | awk -v allow="$here/globals.allow" '
    BEGIN {
        while ((getline line < allow) > 0) {
            if (line ~ /^#/ || split(line, part, " ") < 3) continue
            allowed[part[1] " " part[2]] = 1
        }
    }
    /^In archive/ {
        archive = $3
        sub(/:$/, "", archive)
        prefix = archive ~ /svc_ingest/ ? "ing_" : archive ~ /svc_aggregator/ ? "agg_" : archive ~ /svc_metrics/ ? "api_" : "px_"
        next
    }
    /file format/ { object = $1; sub(/:$/, "", object); next }
    object ~ /^(api|http|llhttp)\.o$/ && archive ~ /libcore_http/ { next } # llhttp, as Debian ships it
    NF < 5 { next }
    {
        name = $NF
        flags = substr($0, 18, 7)
        section = substr($0, 26)
        sub(/[ \t].*/, "", section)
        where = archive ":1: " object ": "
    }
    flags ~ /^[gu]/ && section != "*UND*" && index(name, prefix) != 1 {
        print where name " is exported; make it static, or call it " prefix "..."
    }
    ((flags ~ /O/ && section ~ /^(\.data|\.bss|\*COM\*)/) || (flags !~ /d/ && section ~ /^\.(tdata|tbss)/)) &&
    section !~ /^\.data\.rel\.ro/ {
        base = name
        sub(/\.[0-9]+$/, "", base)
        key = object " " base
        seen[key] = seen["* " base] = 1
        if (!(key in allowed) && !(("* " base) in allowed)) print where base " is a writable global; pass it as a parameter, or give globals.allow a reason"
    }
    END {
        for (key in allowed) if (!(key in seen) && !ENVIRON["LINT_PARTIAL"]) print allow ":1: no object has \"" key "\"; delete the row"
    }' | sort -u | verdict
