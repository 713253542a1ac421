# tests/scaling: more processes, more stored events. `make scaling` runs all of it, PARTS="steps drain" some.
.PHONY: scaling
PARTS ?=
scaling: programs $(BUILD)/bench/bench_aggregate ## more aggregators, more events; PARTS="steps drain partitions growth knee"
	@PX_BIN=$(BIN) BENCH_DIR=$(BUILD)/bench tests/scaling/run.sh $(PARTS)
