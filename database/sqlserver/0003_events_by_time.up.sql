-- px: runs-with-from 1
-- Raw rows of one day, without reading all of them: reconciliation and rebuild count day by day.
CREATE INDEX events_created ON events (created_at);
