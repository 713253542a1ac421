# Tests that drive svc-aggregator below Kafka, against real databases: they link the service's archive
# and share one rig. Included by tests/module.mk.
APPLY_RIG := $(BUILD)/obj/tests/integration/apply_rig.o
$(APPLY_RIG) $(BUILD)/obj/tests/integration/test_apply_%.o: EXTRA_CPPFLAGS = -Itests/support -Itests/integration -Isvc-aggregator/src
$(BUILD)/tests/integration/test_apply_%: LIBS = $(TEST_LIBS)
$(BUILD)/tests/integration/test_apply_%: $(BUILD)/obj/tests/integration/test_apply_%.o $(APPLY_RIG) $(AGGREGATOR_LIB) $(TEST_ARCHIVES)
	$(link)
