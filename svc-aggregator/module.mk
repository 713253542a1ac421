# svc-aggregator: the program, and everything but main.c once more as an archive that its tests link.
# Rooms below src see its headers and are seen from it by name.
AGGREGATOR_SRC := $(sort $(wildcard svc-aggregator/src/*.c svc-aggregator/src/*/*.c))
AGGREGATOR_INC := -Isvc-aggregator/src $(patsubst %/,-I%,$(wildcard svc-aggregator/src/*/))
$(BUILD)/obj/svc-aggregator/%.o: EXTRA_CPPFLAGS = $(AGGREGATOR_INC)
AGGREGATOR_LIB := $(BUILD)/lib/svc_aggregator.a
$(AGGREGATOR_LIB): $(call objects,$(filter-out %/main.c,$(AGGREGATOR_SRC)))

$(BIN)/svc-aggregator: $(call objects,svc-aggregator/src/main.c) $(TSAN_OBJ) $(AGGREGATOR_LIB) $(LIBCORE_HTTP) $(LIBCORE_KAFKA) $(LIBCORE_SQL) $(LIBCORE_REGISTRY) $(LIBCORE)
	$(link)
$(BIN)/svc-aggregator: LIBS = $(LIBS_HTTP) $(LIBS_KAFKA) $(LIBS_SQL) $(LIBS_REGISTRY) $(LIBS_CORE)
SERVICES += $(if $(wildcard svc-aggregator/src/main.c),$(BIN)/svc-aggregator)
