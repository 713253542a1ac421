# tests/lint: make lint, format, format-check, analyze. Each script is described in its first lines.
.PHONY: lint lint-selftest format format-check analyze
LINT_ARCHIVES = $(LIBCORE) $(LIBCORE_HTTP) $(LIBCORE_KAFKA) $(LIBCORE_SQL) $(LIBCORE_REGISTRY) \
                $(if $(INGEST_SRC),$(INGEST_LIB)) $(if $(AGGREGATOR_SRC),$(AGGREGATOR_LIB)) $(if $(METRICS_API_SRC),$(METRICS_API_LIB))
lint: $(LINT_ARCHIVES) $(SERVICES) ## every rule that a program can check; ONLY="sizes style" for some
	@tests/lint/run.sh $(BUILD) $(BIN) $(ONLY)
lint-selftest: ## proves that each lint can fail
	@tests/lint/selftest.sh
format-check: ## is every source formatted?
	@tests/lint/format.sh
format: ## format every source with the pinned clang-format
	@find libcore svc-ingest svc-aggregator svc-metrics-api deploy tests -name '*.[ch]' | xargs clang-format-14 -i

# Informational: gcc's analyser over libcore; it knows nothing of our clean-up attribute.
analyze: ## gcc -fanalyzer over libcore (findings to read, never a failure)
	@printf '%s\n' $(CORE_SRC) $(HTTP_SRC) $(KAFKA_SRC) $(SQL_SRC) $(REGISTRY_SRC) | xargs -P 2 -I{} sh -c \
	  '$(CC) $(CPPFLAGS) $(LLHTTP_INC) $(STD) -O1 -fanalyzer -Wno-analyzer-too-complex -DPX_VERSION=\"0\" -DPX_REVISION=\"0\" -c {} -o /dev/null 2>&1' \
	  | grep -E 'Wanalyzer' | sort | uniq -c | sort -rn || true
