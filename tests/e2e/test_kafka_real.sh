#!/usr/bin/env bash
# libcore's producer, consumer and probes against a real Kafka (kafka_real.c): what the mock cannot show.
kafka_real=${PX_KAFKA_REAL:-build/release/tests/e2e/kafka_real} # lib.sh drops such settings
. "$(dirname "$0")/lib.sh"
program=$root/$kafka_real

kafka_up
unnumbered() { PX_TEST_KAFKA=$KAFKA_BOOTSTRAP CMOCKA_MESSAGE_OUTPUT=TAP "$program" | sed -E 's/^(not )?ok [0-9]+ - /\1ok - /'; }
adopt unnumbered
