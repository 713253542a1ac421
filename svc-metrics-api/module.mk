# svc-metrics-api: the program, and everything but main.c once more as an archive that its tests link.
METRICS_API_SRC := $(sort $(wildcard svc-metrics-api/src/*.c))
METRICS_API_LIB := $(BUILD)/lib/svc_metrics_api.a
$(METRICS_API_LIB): $(call objects,$(filter-out %/main.c,$(METRICS_API_SRC)))

$(BIN)/svc-metrics-api: $(call objects,svc-metrics-api/src/main.c) $(METRICS_API_LIB) $(LIBCORE_HTTP) $(LIBCORE_SQL) $(LIBCORE)
	$(link)
$(BIN)/svc-metrics-api: LIBS = $(LIBS_HTTP) $(LIBS_SQL) $(LIBS_CORE)
SERVICES += $(if $(wildcard svc-metrics-api/src/main.c),$(BIN)/svc-metrics-api)
