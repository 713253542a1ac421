DROP INDEX events_created ON events;
