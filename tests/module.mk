# tests: one binary per tests/{unit,integration}/**/test_*.c, run by tests/run.sh, which sums up.
UNIT_SRC        := $(sort $(wildcard tests/unit/*/test_*.c))
INTEGRATION_SRC := $(sort $(wildcard tests/integration/test_*.c))
SUPPORT_SRC     := $(sort $(wildcard tests/support/*.c))
UNIT_BIN        := $(patsubst tests/%.c,$(BUILD)/tests/%,$(UNIT_SRC))
INTEGRATION_BIN := $(patsubst tests/%.c,$(BUILD)/tests/%,$(INTEGRATION_SRC))
SUPPORT         := $(BUILD)/lib/support.a
$(SUPPORT): $(call objects,$(SUPPORT_SRC))

TEST_LIBS = -lcmocka $(LIBS_HTTP) $(LIBS_KAFKA) $(LIBS_SQL) $(LIBS_REGISTRY) $(LIBS_CORE)
$(BUILD)/obj/tests/%.o: EXTRA_CPPFLAGS = -Itests/support $(LLHTTP_INC)
# A test may include a service's private headers: tests/unit/<service>/ and tests/integration.
$(BUILD)/obj/tests/unit/svc-ingest/%.o: EXTRA_CPPFLAGS = -Itests/support $(INGEST_INC)
$(BUILD)/obj/tests/unit/svc-aggregator/%.o: EXTRA_CPPFLAGS = -Itests/support $(AGGREGATOR_INC)
$(BUILD)/obj/tests/unit/svc-metrics-api/%.o: EXTRA_CPPFLAGS = -Itests/support -Isvc-metrics-api/src

# Archives come in link order: service parts first, then the layers downwards.
TEST_ARCHIVES := $(SUPPORT) $(LIBCORE_HTTP) $(LIBCORE_KAFKA) $(LIBCORE_SQL) $(LIBCORE_REGISTRY) $(LIBCORE)
# Here, because the unit tests need its names at once: they replay the corpora.
include tests/fuzz/module.mk
$(BUILD)/tests/unit/svc-ingest/%: LIBS = $(TEST_LIBS)
$(BUILD)/tests/unit/svc-ingest/%: $(BUILD)/obj/tests/unit/svc-ingest/%.o $(INGEST_LIB) $(TEST_ARCHIVES)
	$(link)
$(BUILD)/tests/unit/svc-aggregator/%: $(BUILD)/obj/tests/unit/svc-aggregator/%.o $(AGGREGATOR_LIB) $(TEST_ARCHIVES)
	$(link)
$(BUILD)/tests/unit/svc-metrics-api/%: $(BUILD)/obj/tests/unit/svc-metrics-api/%.o $(METRICS_API_LIB) $(TEST_ARCHIVES)
	$(link)
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(TEST_ARCHIVES)
	$(link)
$(BUILD)/tests/%: LIBS = $(TEST_LIBS)

# What runs under SAN=thread: the loop, logs, metrics and the life cycle by themselves, then the real
# binaries with all their threads. The drivers and librdkafka are not instrumented: their own memory is
# not watched, their locks are.
THREAD_BIN := $(filter %/test_log %/test_metric %/test_app %/test_cli %/test_loop %/test_schemas,$(UNIT_BIN)) \
              $(filter %/test_http_life %/test_http_admin %/test_http_limits %_threads %/test_api \
                %/test_apply_service %/test_apply_waits %/test_apply_owners,$(INTEGRATION_BIN)) $(filter $(BUILD)/tests/integration/test_ingest_%,$(INTEGRATION_BIN))

# The long ones begin first, so that none of them is left alone at the end. They wait for timers most of the time (a new
# group of the mock broker begins after three seconds, a dead member is missed after six): eight at once.
INTEGRATION_LONG := rivals kafka_consumer apply_service kill_points apply_waits apply_owners kill_erase ingest_trouble kill_retention \
                    apply_erase kafka_producer replay rights kill_rebuild poison ingest_drain load hostile reconcile
THREADS_LONG     := apply_service apply_waits ingest_trouble apply_owners ingest_drain rebuild_threads
# Scripts that start servers and wait for them: four at once. They get a longer limit than they need alone, for the sake of
# machines that others use, too.
E2E_LONG         := run ledger three_brokers ledger_logs secure dead_letters pxjs check fence registry pipeline evolution
long_first        = $(foreach n,$(1),$(filter %_$(n) %_$(n).sh,$(2))) $(filter-out $(foreach n,$(1),%_$(n) %_$(n).sh),$(2))

# Preloaded into a release build, to count who asks for memory and takes locks.
COUNT_CALLS := $(BUILD)/tests/e2e/count_calls.so
$(COUNT_CALLS): tests/e2e/count_calls.c | deps-test
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(filter-out -fPIE -fvisibility=hidden,$(CFLAGS)) -fPIC -shared -o $@ $< -ldl -lpthread

# COUNTS=file collects the results of several steps (tests/test.sh).
RUN = PX_BIN=$(BIN) PX_FAILPOINT_BIN=$(FAILPOINT_BIN) PX_KAFKA_REAL=$(BUILD)/tests/e2e/kafka_real PX_COUNT_CALLS=$(COUNT_CALLS) tests/run.sh $(if $(COUNTS),--add $(COUNTS))
.PHONY: check unit integration lints threads e2e test test-scram
unit: $(UNIT_BIN) $(REPLAY_BIN) ## unit tests only (seconds)
	@$(RUN) $(UNIT_BIN) $(REPLAY_BIN)
integration: $(INTEGRATION_BIN) programs ## real binaries and drivers, mock broker
	@JOBS=$${JOBS:-8} $(RUN) $(call long_first,$(INTEGRATION_LONG),$(INTEGRATION_BIN))
# The lints and the proof that each can fail, counted like other tests; and T-SQL, which only parsers here can read.
lints: programs
	@$(RUN) tests/tsql/test_tsql.sh tests/lint/run.sh tests/lint/selftest.sh
threads: $(THREAD_BIN) programs
	@JOBS=$${JOBS:-5} TSAN_OPTIONS='halt_on_error=1 suppressions=$(CURDIR)/tests/support/tsan.supp' $(RUN) $(call long_first,$(THREADS_LONG),$(THREAD_BIN))
e2e: programs $(BUILD)/tests/e2e/kafka_real $(COUNT_CALLS) $(if $(FAILPOINTS),,failpoint-bin) ## the three binaries on a real Kafka and PostgreSQL
	@JOBS=$${JOBS:-4} TEST_TIMEOUT=$${TEST_TIMEOUT:-450} $(RUN) $(call long_first,$(E2E_LONG),$(sort $(wildcard tests/e2e/test_*.sh)))
test-scram: programs ## SCRAM-SHA-512 on Kafka 3.9 (fetches 59 MiB once); not part of test
	@$(RUN) tests/e2e/scram.sh
# What they run, built and not run: tests/test.sh has it made while an earlier step waits.
.PHONY: build-tests build-threads
build-tests: $(UNIT_BIN) $(REPLAY_BIN) $(INTEGRATION_BIN) programs
build-threads: $(THREAD_BIN) programs
check: unit integration ## unit and integration tests
test: deps-test ## everything that CI runs
	@tests/test.sh

# Whichever of them is asked for alone, on a machine where nothing was installed before.
$(call objects,$(UNIT_SRC) $(INTEGRATION_SRC) $(SUPPORT_SRC) $(sort $(wildcard tests/bench/*.c tests/e2e/*.c tests/integration/*_rig.c))): | deps-test
unit integration lints threads e2e build-tests build-threads build-defects check-torture bench hostile chaos defects scaling: | deps-test

include tests/load/module.mk tests/support/torture.mk tests/lint/lint.mk tests/integration/aggregator.mk
include tests/hostile/module.mk tests/bench/module.mk tests/chaos/module.mk tests/defects/module.mk tests/scaling/module.mk
