# tests/load: px-load, the traffic generator with a known truth.
LOAD := $(BIN)/px-load
$(LOAD): $(call objects,$(sort $(wildcard tests/load/*.c))) $(LIBCORE)
	$(link)
$(LOAD): LIBS = $(LIBS_CORE)
TOOLS += $(LOAD)
