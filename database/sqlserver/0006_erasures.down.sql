DROP TABLE erasure_counts;
DROP TABLE erasures;
-- The role stays, as those of 0002 do.
REVOKE SELECT, UPDATE ON events FROM px_eraser;
REVOKE SELECT, UPDATE ON consumer_offsets FROM px_eraser;
REVOKE SELECT, INSERT, UPDATE, DELETE ON players FROM px_eraser;
REVOKE SELECT, INSERT, UPDATE, DELETE ON rollup_values FROM px_eraser;
REVOKE SELECT ON px_settings FROM px_eraser;
REVOKE SELECT ON px_schema_migrations FROM px_eraser;
