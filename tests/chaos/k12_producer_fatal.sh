#!/usr/bin/env bash
# quick
# Row 12: one out-of-order answer makes an idempotent producer useless for good; ingest makes a new one within 5 s.
# A real broker does not give that answer when asked to, so the mock broker does, in a test of ingest's own.
trouble=${PX_CHAOS_TROUBLE:-build/release/tests/integration/test_ingest_trouble} # lib.sh drops such settings
. "$(dirname "$0")/lib.sh"
copies_expected=1

inject "OUT_OF_ORDER_SEQUENCE_NUMBER, once, by the mock broker"
out=$(PX_BIN=$bin PX_TEST_ONLY='test_ingest_outlives_a_fatal_producer' CMOCKA_MESSAGE_OUTPUT=TAP "$root/$trouble" 2>&1)
has "ingest answers 503, and 200 again within 5 s" "$out" '^ok 1 - test_ingest_outlives_a_fatal_producer'
recovery=$(sed -n 's/^# first 200 after \([0-9]*\) ms.*/\1/p' <<<"$out")
verdict="no servers"
row 12 "producer fatal" 5
