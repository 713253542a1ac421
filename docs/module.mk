# docs/: references that the programs print themselves; tests/lint/generated.sh compares them.
.PHONY: docs
docs: $(SERVICES) ## refresh docs/options.md, metrics.md, errors.md, openapi.json, event.schema.json; review the difference
	@docs/generate.sh $(BIN) docs
