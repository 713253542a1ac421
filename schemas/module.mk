# schemas/: data only; installed under $(PREFIX)/share/pixel-analytics/schemas.
