# libcore: five archives, so that a program links only what it needs.
#   libcore.a        base obs conf model codec app   (cJSON, libcyaml, libcrypto, zlib)
#   libcore_http.a   http                            (libevent, llhttp)
#   libcore_kafka.a  kafka                           (librdkafka)
#   libcore_sql.a    sql                             (unixODBC)
#   libcore_registry.a  registry                     (libcurl)

LIBCORE       := $(BUILD)/lib/libcore.a
LIBCORE_HTTP  := $(BUILD)/lib/libcore_http.a
LIBCORE_KAFKA := $(BUILD)/lib/libcore_kafka.a
LIBCORE_SQL   := $(BUILD)/lib/libcore_sql.a
LIBCORE_REGISTRY := $(BUILD)/lib/libcore_registry.a

CORE_LAYERS   := base obs conf model codec app
CORE_SRC      := $(sort $(wildcard $(foreach l,$(CORE_LAYERS),libcore/src/$(l)/*.c)))
HTTP_SRC      := $(sort $(wildcard libcore/src/http/*.c))
KAFKA_SRC     := $(sort $(wildcard libcore/src/kafka/*.c))
SQL_SRC       := $(sort $(wildcard libcore/src/sql/*.c))
REGISTRY_SRC  := $(sort $(wildcard libcore/src/registry/*.c))

# llhttp comes as C sources in Debian's node-llhttp; it is built as it is, without our warnings.
LLHTTP_DIR    := /usr/share/llhttp
LLHTTP_INC    := -isystem /usr/share/include/llhttp
LLHTTP_OBJ    := $(addprefix $(BUILD)/obj/llhttp/,api.o http.o llhttp.o)

$(BUILD)/obj/llhttp/%.o: | deps-build
	@mkdir -p $(@D)
	$(call say,CC,llhttp/$*.c)$(CC) $(STD) $(OPT) $(HARDEN) $(SANF) $(LLHTTP_INC) -c $(LLHTTP_DIR)/$*.c -o $@
$(BUILD)/obj/libcore/src/http/%.o: EXTRA_CPPFLAGS = $(LLHTTP_INC)
# Written only when it changes, so that --version always tells the revision that was built.
$(BUILD)/gen/revision: FORCE
	@mkdir -p $(@D); echo '$(VERSION) $(REVISION)' | cmp -s - $@ || echo '$(VERSION) $(REVISION)' >$@
.PHONY: FORCE
$(BUILD)/obj/libcore/src/app/app.o: $(BUILD)/gen/revision
$(BUILD)/obj/libcore/src/app/%.o: EXTRA_CPPFLAGS = -DPX_VERSION='"$(VERSION)"' -DPX_REVISION='"$(REVISION)"'

$(LIBCORE):       $(call objects,$(CORE_SRC))
$(LIBCORE_HTTP):  $(call objects,$(HTTP_SRC)) $(LLHTTP_OBJ)
$(LIBCORE_KAFKA): $(call objects,$(KAFKA_SRC))
$(LIBCORE_SQL):   $(call objects,$(SQL_SRC))
$(LIBCORE_REGISTRY): $(call objects,$(REGISTRY_SRC))

# ThreadSanitizer does not know the C11 threads that librdkafka uses: stand-ins for SAN=thread programs.
TSAN_OBJ := $(if $(findstring thread,$(SAN)),$(call objects,tests/support/tsan_threads.c))

# Expanded when a program is linked, after the packages are there.
LIBS_CORE  = $(shell pkg-config --libs libcjson libcyaml libcrypto zlib) -lm -lpthread
LIBS_HTTP  = $(shell pkg-config --libs libevent_core libssl)
LIBS_KAFKA = $(shell pkg-config --libs rdkafka)
LIBS_SQL   = $(shell pkg-config --libs odbc libssl)
LIBS_REGISTRY = $(shell pkg-config --libs libcurl)
