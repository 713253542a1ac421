# tests/chaos: faults on real servers under load, each followed by the ledger; and px-tcp, the relay between a
# service and its server that they disturb. QUICK=1 runs the short ones only, NAMES="k01 s20" some.
PX_TCP := $(BIN)/px-tcp
$(PX_TCP): $(call objects,tests/chaos/px-tcp.c)
	$(link)
TOOLS += $(PX_TCP)

.PHONY: chaos
chaos: programs $(BUILD)/tests/integration/test_ingest_trouble $(if $(FAILPOINTS),,failpoint-bin) ## faults on real servers, then the ledger
	@PX_BIN=$(BIN) PX_FAILPOINT_BIN=$(FAILPOINT_BIN) PX_CHAOS_TROUBLE=$(BUILD)/tests/integration/test_ingest_trouble \
	  tests/chaos/run.sh $(if $(QUICK),--quick) $(if $(COUNTS),--add $(COUNTS)) $(NAMES)
