# tests/bench: programs that measure. `make bench` runs them all, ONLY="model ingest" some; run.sh
# sums up and fails when a figure of CPU time is above twice its aim.
BENCH_ALL    := $(sort $(wildcard tests/bench/bench_*.c))
BENCH_COMMON := $(filter-out $(BENCH_ALL),$(sort $(wildcard tests/bench/*.c)))
BENCH_BIN    := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(BENCH_ALL))
BENCH_LIB    := $(BUILD)/lib/bench.a
$(BENCH_LIB): $(call objects,$(BENCH_COMMON))

$(BUILD)/obj/tests/bench/%.o: EXTRA_CPPFLAGS = -Itests/support $(AGGREGATOR_INC) $(LLHTTP_INC)
$(BUILD)/bench/%: LIBS = $(BENCH_WRAP) $(TEST_LIBS)
# The responder on libevent's own HTTP server.
$(BUILD)/bench/bench_peers: BENCH_WRAP = -levent_extra
# The share of every statement is taken at the door of the SQL layer, without a change to the service.
$(BUILD)/bench/bench_aggregate: BENCH_WRAP = $(addprefix -Wl$(comma)--wrap=,px_sql_prepare px_stmt_run px_stmt_next px_tx_commit)
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BENCH_LIB) $(AGGREGATOR_LIB) $(TEST_ARCHIVES)
	$(link)

.PHONY: bench
ONLY ?=
bench: $(BENCH_BIN) programs ## measure; ONLY="model ingest" for some, BENCH_REPS=n
	@PX_BIN=$(BIN) BENCH_DIR=$(BUILD)/bench tests/bench/run.sh $(ONLY)
include tests/bench/peers/module.mk
