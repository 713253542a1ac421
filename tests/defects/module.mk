# tests/defects: the planted defects of a build with DEFECTS=1 (px/defect.h), each in the scenario that shows it,
# and the check that must find it: px-ledger on real servers, the integration tests for the guards.
GUARD_TESTS := integration/test_sql_postgres integration/test_apply_fence unit/base/test_defect
.PHONY: defects build-defects
ifeq ($(DEFECTS),)
defects: ## planted defects, and that each is found
	+$(Q)$(MAKE) --no-print-directory DEFECTS=1 defects
else
build-defects: programs $(addprefix $(BUILD)/tests/,$(GUARD_TESTS))
defects: build-defects
	@TEST_TIMEOUT=$${TEST_TIMEOUT:-600} PX_TESTS=$(BUILD)/tests $(RUN) $(BUILD)/tests/unit/base/test_defect \
	  tests/defects/test_defects.sh tests/defects/test_defects_log.sh tests/defects/test_guards.sh
endif
