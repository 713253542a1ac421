DROP TABLE erasure_counts;
DROP TABLE erasures;
-- The role stays, as those of 0002 do.
REVOKE ALL ON events, rollup_values, players, consumer_offsets, px_settings, px_schema_migrations FROM px_eraser;
DO $px$
BEGIN
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM px_eraser', current_schema());
END
$px$;
