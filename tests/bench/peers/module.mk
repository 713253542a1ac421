# tests/bench/peers: what svc-ingest is measured beside, built only when `make bench-peers` asks for it. Debian's
# nginx-light, a Rust and a Python collector, and svc-ingest itself with a sink that stores nothing.
PEERS      := $(CURDIR)/build/peers
PEERS_SRC  := tests/bench/peers
NULL_BIN   := $(BUILD)/bench/svc-ingest-null

$(NULL_BIN): $(call objects,svc-ingest/src/main.c $(PEERS_SRC)/null_sink.c) $(INGEST_LIB) $(LIBCORE_HTTP) $(LIBCORE_KAFKA) $(LIBCORE_REGISTRY) $(LIBCORE)
	$(link)
$(NULL_BIN): LIBS = $(LIBS_HTTP) $(LIBS_KAFKA) $(LIBS_REGISTRY) $(LIBS_CORE)

.PHONY: bench-peers bench-peers-built
bench-peers: $(BENCH_BIN) $(NULL_BIN) programs bench-peers-built ## svc-ingest beside nginx, evhttp, axum and FastAPI (builds them)
	@PX_BIN=$(BIN) BENCH_DIR=$(BUILD)/bench BENCH_PEERS=$(PEERS) tests/bench/run.sh peers
bench-peers-built:
	@$(PEERS_SRC)/build.sh $(PEERS)
