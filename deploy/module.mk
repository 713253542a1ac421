# deploy/local: what `make run` and `make stack` start.
DEVBROKER := $(BIN)/px-devbroker
$(DEVBROKER): $(call objects,$(sort $(wildcard deploy/local/devbroker/*.c))) $(TSAN_OBJ) $(LIBCORE_KAFKA) $(LIBCORE)
	$(link)
$(DEVBROKER): LIBS = $(LIBS_KAFKA) $(LIBS_CORE)
TOOLS += $(if $(wildcard deploy/local/devbroker/*.c),$(DEVBROKER))

RUN_FOR ?= 0
RATE    ?= 200
RUN_DIR   ?= build/run
STACK_DIR ?= build/stack
RUN_VALUES = RUN_FOR='$(RUN_FOR)' RATE='$(RATE)' SEED='$(SEED)' INGESTS='$(INGESTS)' AGGREGATORS='$(AGGREGATORS)' \
             BROKERS='$(BROKERS)' REGISTRY='$(REGISTRY)'
.PHONY: run stack
run: deps-run all ## dev broker + SQLite + services + sample traffic, in the foreground
	@$(RUN_VALUES) bash deploy/local/run.sh dev $(BIN) $(RUN_DIR)
stack: deps-stack all ## Apache Kafka + PostgreSQL + registry + services + sample traffic; BROKERS=3 INGESTS=n AGGREGATORS=n REGISTRY=0
	@$(RUN_VALUES) bash deploy/local/run.sh stack $(BIN) $(STACK_DIR)
