-- px: runs-with-from 1
-- What kind of traffic events are, and why: event_summary once more, parted by class and reason (docs/TRAFFIC.md).
-- Programs that do not know the table may run beside those that do; what they count lacks here until --rebuild.
ALTER TABLE events ADD COLUMN class_reason TEXT;
CREATE TABLE class_summary (
    event_date     TEXT NOT NULL,
    event_type     TEXT NOT NULL,
    banner_tag     TEXT NOT NULL,
    traffic_class  TEXT NOT NULL,
    traffic_reason TEXT NOT NULL,
    count          INTEGER NOT NULL,
    PRIMARY KEY (event_date, event_type, banner_tag, traffic_class, traffic_reason)
) WITHOUT ROWID;
CREATE INDEX class_summary_banner ON class_summary (banner_tag, event_date);
-- What was counted before: nobody knows of which class it was.
INSERT INTO class_summary (event_date, event_type, banner_tag, traffic_class, traffic_reason, count)
SELECT event_date, event_type, banner_tag, 'unclassified', '', count FROM event_summary;
INSERT INTO px_settings (name, value)
SELECT 'class_summary_complete_from', value FROM px_settings WHERE name = 'event_summary_complete_from';
