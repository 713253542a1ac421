DROP TABLE erasure_counts;
DROP TABLE erasures;
