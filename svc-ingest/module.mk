# svc-ingest: the program, and everything but main.c once more as an archive that its tests link.
# Rooms below src see its headers and are seen from it by name.
INGEST_SRC := $(sort $(wildcard svc-ingest/src/*.c svc-ingest/src/*/*.c))
INGEST_INC := -Isvc-ingest/src $(patsubst %/,-I%,$(wildcard svc-ingest/src/*/))
$(BUILD)/obj/svc-ingest/%.o: EXTRA_CPPFLAGS = $(INGEST_INC)
# The browser's script, compiled in as bytes.
$(BUILD)/gen/px_js.inc: svc-ingest/web/px.js svc-ingest/web/embed.sh svc-ingest/web/strip.awk
	@mkdir -p $(@D)
	$(call say,EMBED,$<)sh svc-ingest/web/embed.sh $< > $@
$(BUILD)/obj/svc-ingest/src/web/script.o: EXTRA_CPPFLAGS = $(INGEST_INC) -I$(BUILD)/gen
$(BUILD)/obj/svc-ingest/src/web/script.o: $(BUILD)/gen/px_js.inc
INGEST_LIB := $(BUILD)/lib/svc_ingest.a
$(INGEST_LIB): $(call objects,$(filter-out %/main.c,$(INGEST_SRC)))

$(BIN)/svc-ingest: $(call objects,svc-ingest/src/main.c) $(TSAN_OBJ) $(INGEST_LIB) $(LIBCORE_HTTP) $(LIBCORE_KAFKA) $(LIBCORE_REGISTRY) $(LIBCORE)
	$(link)
$(BIN)/svc-ingest: LIBS = $(LIBS_HTTP) $(LIBS_KAFKA) $(LIBS_REGISTRY) $(LIBS_CORE)
SERVICES += $(if $(wildcard svc-ingest/src/main.c),$(BIN)/svc-ingest)
