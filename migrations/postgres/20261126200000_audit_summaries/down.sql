DROP TABLE audit_summaries;
