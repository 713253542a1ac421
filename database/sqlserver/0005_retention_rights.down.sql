REVOKE SELECT, DELETE ON daily_metrics FROM px_retention;
REVOKE SELECT, DELETE ON event_summary FROM px_retention;
REVOKE SELECT, INSERT, UPDATE ON px_settings FROM px_retention;
REVOKE SELECT, UPDATE ON consumer_offsets FROM px_retention;
REVOKE SELECT ON px_schema_migrations FROM px_retention;
