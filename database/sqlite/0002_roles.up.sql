-- px: runs-with-from 1
-- SQLite has no roles and no grants: whoever may open the file may do everything with it. This file exists so that
-- the dialects count alike; on PostgreSQL it makes the roles of database/privileges.txt.

-- Made by --migrate before its first file; other runners do not know it.
CREATE TABLE IF NOT EXISTS px_schema_migrations (
    version         bigint PRIMARY KEY,
    name            text NOT NULL,
    checksum        text NOT NULL,
    applied_at      text NOT NULL,
    duration_ms     bigint NOT NULL,
    runs_with_from  bigint NOT NULL DEFAULT 0
);
