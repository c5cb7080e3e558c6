DROP TABLE audit_proofs;
DROP INDEX audit_events_by_outcome;
DROP INDEX audit_events_by_action;
DROP INDEX audit_events_by_actor;
