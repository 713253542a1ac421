#!/usr/bin/env bash
# Rows 7 and 9: between ingest and the broker everything comes late, then nothing comes at all, both ways and one way.
# Answers take as long as the log, past a bound they are 503; nothing grows, and what is unknown is called unknown.
deadline=240
. "$(dirname "$0")/lib.sh"
copies_expected=1
proxied=kafka
ingest_options=(--set Kafka:MessageTimeout=6s --set Ingest:MaxInFlight=400 --set Ingest:Workers=1)
stand

rss_mib() { awk '/^VmRSS/ {print int($2 / 1024)}' "/proc/$(pid_of "$1")/status"; }
fds() { find "/proc/$(pid_of "$1")/fd" -mindepth 1 | wc -l; }
asked_since() { # traffic from-us: how many 200s to requests of that time
    awk -F '\t' -v from="$2" '$1 == "i" {t[$2] = $3} $1 == "o" && $4 == "ok" && t[$2] >= from {n++} END {print n + 0}' "$work/$1.book"
}
enough_since() { over "$(asked_since "$1" "$2")" 200; }

# --- row 7 ------------------------------------------------------------------------------------------------

traffic slow 200 0 --connections 600
need "slow: traffic flows" within 30 more_outcomes 400 slow ok
memory=$(rss_mib ingest-1)
inject "answers of the broker 0.2, 1 and 5 s late"
for delay in 200 1000; do
    tcp kafka down delay $delay
    from=$(now_us)
    need "slow: $delay ms late, events are stored" within 60 enough_since slow "$from"
    took=$(latency slow 50 "$from")
    check "slow: $delay ms late, the answer waits for the log (p50 $took ms)" over "$took" $((delay - 50))
done
tcp kafka down delay 5000
need "slow: 5 s late, the bound on waiting events gives 503" within 60 count_over 50 slow overloaded
progress "503s are answered" busy slow
grown=$(($(rss_mib ingest-1) - memory))
check "slow: memory has not grown with what waits (by $grown MiB)" under "$grown" 48
oks=$(outcomes slow ok)
tcp kafka both pass
heal "the network is fast again"
from=$(now_us)
fast_again() { enough_since slow "$from" && under "$(latency slow 50 "$from")" 500; }
recovered 60 fast_again
check "slow: ingest is ready" within 30 readyz_is ingest-1 200
traffic_end slow
settled 60
ledger
row 7 "slow acknowledgements" 10

# --- row 9 ------------------------------------------------------------------------------------------------

hole() { # name direction fault
    local open
    traffic "$1" 200 0 --connections 64
    need "$1: traffic flows" within 30 more_outcomes 200 "$1" ok
    lines=$(log_lines ingest-1) open=$(fds ingest-1)
    inject "$3"
    tcp kafka "$2" hold
    need "$1: 503 for what may be stored" within 40 count_over 0 "$1" log_unknown
    check "$1: ingest is not ready" within 40 readyz_is ingest-1 503
    check "$1: it says so, once" within 10 loss_said ingest-1 "$lines"
    oks=$(outcomes "$1" ok)
    tcp kafka both pass
    heal "packets pass again"
    recovered 60 more_outcomes "$oks" "$1" ok
    check "$1: ingest is ready again" within 30 readyz_is ingest-1 200
    traffic_end "$1"
    check "$1: no descriptor is lost ($open before, $(fds ingest-1) now)" under "$(fds ingest-1)" $((open + 16))
    settled 60
    ledger
    row 9 "$4" 10
}
hole deaf both "nothing passes, both ways" "blackhole, both ways"
hole mute down "nothing comes from the broker" "blackhole, one way"
