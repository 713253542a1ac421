-- px: runs-with-from 1
-- What kind of traffic events are, and why: event_summary once more, parted by class and reason (docs/TRAFFIC.md).
-- Programs that do not know the table may run beside those that do; what they count lacks here until --rebuild.
ALTER TABLE events ADD COLUMN class_reason text;
CREATE TABLE class_summary (
    event_date     date NOT NULL,
    event_type     text NOT NULL,
    banner_tag     text NOT NULL,
    traffic_class  text NOT NULL,
    traffic_reason text NOT NULL,
    count          bigint NOT NULL,
    PRIMARY KEY (event_date, event_type, banner_tag, traffic_class, traffic_reason)
) WITH (fillfactor = 70);
CREATE INDEX class_summary_banner ON class_summary (banner_tag, event_date);
-- What was counted before: nobody knows of which class it was.
INSERT INTO class_summary (event_date, event_type, banner_tag, traffic_class, traffic_reason, count)
SELECT event_date, event_type, banner_tag, 'unclassified', '', count FROM event_summary;
INSERT INTO px_settings (name, value)
SELECT 'class_summary_complete_from', value FROM px_settings WHERE name = 'event_summary_complete_from';
GRANT SELECT, INSERT, UPDATE ON class_summary TO px_agg;
GRANT SELECT, DELETE ON class_summary TO px_retention;
GRANT SELECT ON class_summary TO px_api, px_verify;
