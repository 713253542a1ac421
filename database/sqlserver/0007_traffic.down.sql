DELETE FROM px_settings WHERE name = 'class_summary_complete_from';
DROP TABLE class_summary;
ALTER TABLE events DROP COLUMN class_reason;
