# deploy/local: what `make run` and `make stack` start.
DEVBROKER := $(BIN)/px-devbroker
$(DEVBROKER): $(call objects,$(sort $(wildcard deploy/local/devbroker/*.c))) $(LIBCORE_KAFKA) $(LIBCORE)
	$(link)
$(DEVBROKER): LIBS = $(LIBS_KAFKA) $(LIBS_CORE)
TOOLS += $(if $(wildcard deploy/local/devbroker/*.c),$(DEVBROKER))
