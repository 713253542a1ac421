# pixel-analytics: the only Makefile. Every folder adds its own sources in */module.mk.
#
#   make            build the three services and the tools
#   make run        try it: dev broker + SQLite + services + sample traffic, Ctrl-C ends it
#   make stack      the same on Apache Kafka, PostgreSQL and a schema registry
#   make test       everything that CI runs
#   make help       all targets and variables

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:
# Not .SECONDARY without names: every file would be an intermediate one, and an object would count as up to date though a
# header that it included has gone or moved. Objects are named by their rules, so make keeps them anyway.
MAKEFLAGS += --no-builtin-rules

# --- where things go: one folder per variant, never beside the sources -----------------------
SAN        ?=
COV        ?=
FAILPOINTS ?=
DEFECTS    ?=
FUZZ       ?=
WERROR     ?=
V          ?=
comma      := ,
empty      :=
space      := $(empty) $(empty)
VARIANT    := $(strip $(if $(FUZZ),fuzz,$(if $(SAN),san-$(subst $(comma),-,$(SAN)),$(if $(COV),cov,release))))$(if $(FAILPOINTS),-failpoints)$(if $(DEFECTS),-defects)
BUILD      ?= build/$(VARIANT)
# `make` (and `make run`) publish the release binaries under build/bin, the path of the contract.
BIN        := $(if $(filter build/release,$(BUILD)),build/bin,$(BUILD)/bin)

PREFIX     ?= /usr/local
sysconfdir ?= $(PREFIX)/etc
DESTDIR    ?=

VERSION    := $(shell cat libcore/VERSION)
REVISION   := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

Q    := $(if $(V),,@)
say   = $(if $(V),,@printf '  %-8s%s\n' '$(1)' '$(2)';)

include deploy/local/deps.mk

# --- compiler ---------------------------------------------------------------------------------
CC     ?= cc
ifeq ($(origin CC),default)
CC := gcc
endif
AR     := ar

try     = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo '$(1)')

STD    := -std=c11 -D_GNU_SOURCE -g -fno-common -fvisibility=hidden
OPT    := $(if $(SAN)$(FUZZ),-O1 -fno-omit-frame-pointer,$(if $(COV),-O0,-O2))
WARN   := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
          -Wold-style-definition -Wformat=2 -Wundef -Wvla -Walloca -Wcast-qual -Wcast-align=strict \
          -Wpointer-arith -Wwrite-strings -Wnull-dereference -Wduplicated-cond \
          -Wduplicated-branches -Wlogical-op -Wimplicit-fallthrough=5 -Wdate-time \
          $(if $(WERROR),-Werror)
# clang is for fuzzing only (tests/fuzz); what gcc warns about is gcc's to find.
ifneq ($(FUZZ),)
WARN   := -Wall -Wno-unknown-warning-option -Wno-unused-command-line-argument
endif
# The pure layers also watch every sign: they are what the byte formats and sums rest on.
WARN_PURE := -Wsign-conversion -Warith-conversion
HARDEN := $(if $(FUZZ),,$(if $(findstring address,$(SAN))$(COV),,-D_FORTIFY_SOURCE=$(if $(findstring thread,$(SAN)),2,3)) \
          -fstack-protector-strong -fstack-clash-protection -fcf-protection=full \
          -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr -fPIE \
          $(call try,-fstrict-flex-arrays=3))
REPRO  := -ffile-prefix-map=$(CURDIR)=.
FUZZF  := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
SANF   := $(if $(FUZZ),$(FUZZF),$(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all,))
COVF   := $(if $(COV),--coverage,)
CPPFLAGS += -Ilibcore/include $(if $(FAILPOINTS)$(DEFECTS),-DPX_FAILPOINTS=1) $(if $(DEFECTS),-DPX_DEFECTS=1)
CFLAGS   += $(STD) $(OPT) $(WARN) $(HARDEN) $(REPRO) $(SANF) $(COVF)
LDFLAGS  += -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(SANF) $(COVF)
ifneq ($(SAN),)
LDFLAGS := $(filter-out -Wl$(comma)-z%,$(LDFLAGS)) -Wl,--as-needed
endif

# --- rules --------------------------------------------------------------------------------------
# $(call objects,sources): where each source's object goes.
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

PURE_LAYERS := libcore/src/base libcore/src/model libcore/src/codec
pure_flags   = $(if $(filter $(addsuffix /%,$(PURE_LAYERS)),$<),$(WARN_PURE))

compile = $(CC) $(CPPFLAGS) $(EXTRA_CPPFLAGS) $(CFLAGS) $(pure_flags) $(EXTRA_CFLAGS)
json    = $(subst ",\",$(subst \,\\,$(1)))

# One fragment of compile_commands.json per object is written by the compile rule itself. $(file) is
# carried out before the first line of the recipe runs, so its folder is made by $(shell).
$(BUILD)/obj/%.o: %.c | deps-build
	$(shell mkdir -p $(@D))
	$(call say,CC,$<)$(compile) -MMD -MP -c $< -o $@
	$(file >$@.json,{"directory":"$(call json,$(CURDIR))","file":"$<","command":"$(call json,$(compile) -c $<)"},)

$(BUILD)/lib/%.a:
	@mkdir -p $(@D)
	$(call say,AR,$@)rm -f $@ && $(AR) rcsD $@ $(filter %.o,$^)

# Programs list their objects and archives as prerequisites and their libraries in LIBS.
define link
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)
endef

include libcore/module.mk
include svc-ingest/module.mk
include svc-aggregator/module.mk
include svc-metrics-api/module.mk
include schemas/module.mk
include database/module.mk
include deploy/module.mk
include tests/module.mk
include docs/module.mk

PROGRAMS := $(SERVICES) $(TOOLS)

.PHONY: all programs compile_commands clean help install
# By name, because the list is complete only here, behind the includes.
programs: $(PROGRAMS)
all: deps-build $(PROGRAMS) compile_commands ## build services and tools

compile_commands: $(PROGRAMS)
	@{ echo '['; find $(BUILD)/obj -name '*.o.json' | sort | xargs -r cat | sed '$$s/,$$//'; echo ']'; } > compile_commands.json

SHARE := $(DESTDIR)$(PREFIX)/share/pixel-analytics
install: all ## install below PREFIX (and DESTDIR)
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/schemas/avro $(DESTDIR)$(PREFIX)/share/doc/pixel-analytics
	install -m 755 $(SERVICES) $(DESTDIR)$(PREFIX)/bin
	install -m 644 schemas/*.yaml $(SHARE)/schemas
	install -m 644 schemas/avro/*.avsc $(SHARE)/schemas/avro
	for d in sqlite postgresql sqlserver; do \
	  install -d $(SHARE)/database/$$d && install -m 644 database/$$d/*.sql $(SHARE)/database/$$d || exit 1; done
	install -m 644 database/privileges.txt $(SHARE)/database
	install -d $(SHARE)/deploy/kafka && install -m 644 deploy/kafka/topics.yaml $(SHARE)/deploy/kafka
	install -m 644 README.md LICENSE $(DESTDIR)$(PREFIX)/share/doc/pixel-analytics

clean: ## remove everything that was built
	rm -rf build compile_commands.json

help: ## this text
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort -u | expand -t 22
	@echo; echo 'Variables: SAN=address,undefined | SAN=thread, COV=1, FAILPOINTS=1, DEFECTS=1 (with failpoints), WERROR=1, V=1, BUILD=dir,'
	@echo '           PREFIX=, DESTDIR=; for run and stack: RUN_FOR=seconds, RATE=events/s, SEED=number,'
	@echo '           INGEST_PORT, API_PORT, INGEST_ADMIN_PORT, AGG_ADMIN_PORT, API_ADMIN_PORT (see deploy/local/run.sh)'

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
