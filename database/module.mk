# database/: migrations, data only; installed under $(PREFIX)/share/pixel-analytics/database.
