# tests/scaling: more processes, more stored events. `make scaling` runs all of it, PARTS="steps drain" some;
# `make scaling-retention` removes a million old rows beside the traffic.
.PHONY: scaling scaling-retention
PARTS ?=
scaling: programs $(BUILD)/bench/bench_aggregate ## more aggregators, more events; PARTS="steps drain partitions growth knee"
	@PX_BIN=$(BIN) BENCH_DIR=$(BUILD)/bench tests/scaling/run.sh $(PARTS)
scaling-retention: programs ## what removing old rows costs the traffic; ROWS=1000000 RATE=500
	@PX_BIN=$(BIN) tests/scaling/retention.sh
