# tests/load: px-load, the traffic generator with a known truth. What it consists of is an archive, so
# that unit tests, and whoever reads its books, can link the parts.
LOAD     := $(BIN)/px-load
LOAD_LIB := $(BUILD)/lib/load.a
$(LOAD_LIB): $(call objects,$(filter-out tests/load/px-%.c tests/load/ledger_%.c,$(sort $(wildcard tests/load/*.c))))
$(LOAD): $(call objects,tests/load/px-load.c) $(LOAD_LIB) $(LIBCORE)
	$(link)
$(LOAD): LIBS = $(LIBS_CORE)
TOOLS += $(LOAD)

$(BUILD)/obj/tests/unit/load/%.o: EXTRA_CPPFLAGS = -Itests/support -Itests/load
$(BUILD)/tests/unit/load/%: $(BUILD)/obj/tests/unit/load/%.o $(LOAD_LIB) $(TEST_ARCHIVES)
	$(link)

# px-ledger, the independent checker.
LEDGER     := $(BIN)/px-ledger
LEDGER_LIB := $(BUILD)/lib/ledger.a
$(LEDGER_LIB): $(call objects,$(sort $(wildcard tests/load/ledger_*.c)))
$(LEDGER): $(call objects,tests/load/px-ledger.c) $(LEDGER_LIB) $(LOAD_LIB) $(LIBCORE_SQL) $(LIBCORE) $(TSAN_OBJ)
	$(link)
$(LEDGER): LIBS = $(LIBS_KAFKA) $(LIBS_SQL) $(LIBS_CORE)
TOOLS += $(LEDGER)

$(BUILD)/tests/unit/load/test_ledger_%: $(BUILD)/obj/tests/unit/load/test_ledger_%.o $(LEDGER_LIB) $(LOAD_LIB) $(TEST_ARCHIVES)
	$(link)
$(BUILD)/obj/tests/integration/test_load.o: EXTRA_CPPFLAGS = -Itests/support -Itests/load
$(BUILD)/tests/integration/test_load: $(BUILD)/obj/tests/integration/test_load.o $(LOAD_LIB) $(TEST_ARCHIVES)
	$(link)
