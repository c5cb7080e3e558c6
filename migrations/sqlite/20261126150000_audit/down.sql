DELETE FROM sqlite_stat1 WHERE tbl = 'audit_events';
DROP TABLE audit_proofs;
DROP INDEX audit_events_by_outcome;
DROP INDEX audit_events_by_action;
DROP INDEX audit_events_by_actor;
