# Tests that drive svc-aggregator: below Kafka against real databases (test_apply_*), and the real binary
# between a mock cluster and a database (test_apply_service, test_apply_owners, test_kill_*). They link the service's
# archive and share four rigs. Included by tests/module.mk.
AGGREGATOR_RIGS := $(foreach r,apply service reconcile letters erase,$(BUILD)/obj/tests/integration/$(r)_rig.o)
AGGREGATOR_RIG_INC := -Itests/support -Itests/integration $(AGGREGATOR_INC)
$(AGGREGATOR_RIGS) $(BUILD)/obj/tests/integration/test_apply_%.o: EXTRA_CPPFLAGS = $(AGGREGATOR_RIG_INC)
$(BUILD)/obj/tests/integration/test_kill_%.o: EXTRA_CPPFLAGS = $(AGGREGATOR_RIG_INC)
$(BUILD)/tests/integration/test_apply_% $(BUILD)/tests/integration/test_kill_%: LIBS = $(TEST_LIBS)
$(BUILD)/tests/integration/test_apply_%: $(BUILD)/obj/tests/integration/test_apply_%.o $(AGGREGATOR_RIGS) $(AGGREGATOR_LIB) $(TEST_ARCHIVES)
	$(link)
$(BUILD)/tests/integration/test_kill_%: $(BUILD)/obj/tests/integration/test_kill_%.o $(AGGREGATOR_RIGS) $(AGGREGATOR_LIB) $(TEST_ARCHIVES)
	$(link)

# The kill points need the service with its failpoints compiled in: a build of its own.
WITH_FAILPOINTS := $(addprefix $(BUILD)/tests/integration/,test_kill_points test_kill_rebuild test_kill_retention test_kill_erase test_apply_owners test_apply_replay)
ifeq ($(FAILPOINTS)$(DEFECTS),)
FAILPOINT_BIN := $(BUILD)-failpoints/bin/svc-aggregator
.PHONY: failpoint-bin
failpoint-bin:
	+$(Q)$(MAKE) --no-print-directory FAILPOINTS=1 BUILD=$(BUILD)-failpoints $(FAILPOINT_BIN)
$(WITH_FAILPOINTS): | failpoint-bin
else
FAILPOINT_BIN := $(BIN)/svc-aggregator
$(WITH_FAILPOINTS): | $(FAILPOINT_BIN)
endif
