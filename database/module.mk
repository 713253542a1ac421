# database/: migrations, data only; installed under $(PREFIX)/share/pixel-analytics/database.

# What the code renders and what the migrations make, kept for reviewers; the tests compare.
.PHONY: golden golden-sql
golden: golden-sql ## refresh the golden files; review the difference
golden-sql: $(BUILD)/tests/unit/sql/test_statements $(BUILD)/tests/integration/test_sql_migrate
	PX_GOLDEN=write $(BUILD)/tests/unit/sql/test_statements
	PX_GOLDEN=write $(BUILD)/tests/integration/test_sql_migrate
