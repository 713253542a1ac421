# tests/hostile: px-hostile, clients as nobody wants them, and the scenarios that measure what they do to the others.
HOSTILE := $(BIN)/px-hostile
$(call objects,$(sort $(wildcard tests/hostile/*.c))): EXTRA_CPPFLAGS = -Itests/load
$(HOSTILE): $(call objects,$(sort $(wildcard tests/hostile/*.c))) $(LOAD_LIB) $(LIBCORE)
	$(link)
$(HOSTILE): LIBS = $(LIBS_CORE)
TOOLS += $(HOSTILE)

.PHONY: hostile
hostile: programs ## hostile clients and overload, measured beside polite clients (minutes; not part of test)
	@PX_BIN=$(BIN) tests/hostile/run.sh $(NAMES)
