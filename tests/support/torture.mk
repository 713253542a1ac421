# make check-torture: the unit tests that fail every allocation in turn (they include torture.h), with
# AddressSanitizer, which is what sees a leak on the way out.
TORTURE_BIN := $(patsubst tests/%.c,$(BUILD)/tests/%,$(if $(UNIT_SRC),$(shell grep -l '"torture.h"' $(UNIT_SRC))))
.PHONY: check-torture
ifneq ($(findstring address,$(SAN)),)
check-torture: $(TORTURE_BIN)
	@tests/run.sh $(TORTURE_BIN)
else
check-torture: ## unit tests that fail every allocation, under AddressSanitizer
	@$(MAKE) --no-print-directory SAN=address,undefined check-torture
endif
