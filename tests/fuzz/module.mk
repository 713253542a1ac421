# tests/fuzz: one program per fuzz_<target>.c, twice: with libFuzzer (make fuzz), and as a replay of its corpus that
# unit tests run in every variant. A new target is its file and a folder of seeds: nothing is listed here.
FUZZ_NAMES  := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_SHARED := $(filter-out tests/fuzz/fuzz_%.c tests/fuzz/replay.c,$(sort $(wildcard tests/fuzz/*.c)))
REPLAY_BIN  := $(patsubst %,$(BUILD)/tests/fuzz/replay_%,$(FUZZ_NAMES))
FUZZ_BIN    := $(patsubst %,$(BUILD)/fuzz/%,$(FUZZ_NAMES))

FUZZ_PARTS  := $(call objects,$(FUZZ_SHARED)) $(INGEST_LIB) $(TEST_ARCHIVES)
$(BUILD)/obj/tests/fuzz/%.o: EXTRA_CPPFLAGS = -Itests/fuzz -Itests/support $(INGEST_INC) $(LLHTTP_INC)
$(call objects,$(FUZZ_SHARED) $(patsubst %,tests/fuzz/fuzz_%.c,$(FUZZ_NAMES)) tests/fuzz/replay.c): | deps-test
FUZZ_LIBS    = -lhttp_parser $(LIBS_HTTP) $(LIBS_KAFKA) $(LIBS_REGISTRY) $(LIBS_CORE)
$(BUILD)/tests/fuzz/replay_%: LIBS = $(FUZZ_LIBS)
$(BUILD)/tests/fuzz/replay_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/replay.o $(FUZZ_PARTS)
	$(link)
$(BUILD)/fuzz/%: LIBS = -fsanitize=fuzzer $(FUZZ_LIBS)
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(FUZZ_PARTS)
	$(link)

# FUZZ_SECONDS: wall time of each target; FUZZ_TARGETS: some of them only.
FUZZ_SECONDS ?= 30
FUZZ_TARGETS ?= $(FUZZ_NAMES)
.PHONY: fuzz
ifeq ($(FUZZ),)
fuzz: deps-fuzz ## fuzz targets with libFuzzer, ASan and UBSan: FUZZ_SECONDS=30 each, FUZZ_TARGETS="gate ..."
	+$(Q)$(MAKE) --no-print-directory FUZZ=1 CC=clang-14 fuzz
else
fuzz: $(FUZZ_BIN) $(REPLAY_BIN)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh $(BUILD) $(FUZZ_TARGETS)
endif
