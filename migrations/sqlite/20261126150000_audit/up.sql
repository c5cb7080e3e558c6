-- Each filter of the audit page is an index that ends in the number of the line.
CREATE INDEX audit_events_by_actor ON audit_events (chain, actor_id, seq);
CREATE INDEX audit_events_by_action ON audit_events (chain, action, seq);
CREATE INDEX audit_events_by_outcome ON audit_events (chain, outcome, seq);

-- How far each chain was proved by the running server, in its two walks: one that follows the head, and one that
-- begins again at the first line. The code says that the program itself wrote the row.
CREATE TABLE audit_proofs (
    chain TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash BLOB NOT NULL,
    at TIMESTAMP NOT NULL,
    again_seq BIGINT NOT NULL,
    again_hash BLOB NOT NULL,
    whole_seq BIGINT NOT NULL,
    whole_at TIMESTAMP,
    fault_seq BIGINT,
    fault TEXT NOT NULL,
    mac BLOB NOT NULL,
    mac_key INTEGER NOT NULL
);

-- What the planner is to believe of a large chain (see the migration on statistics).
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('audit_events', 'audit_events', '5000000 1000000 1'),
    ('audit_events', 'audit_events_by_target', '5000000 1000000 50 1'),
    ('audit_events', 'audit_events_by_actor', '5000000 1000000 1000 1'),
    ('audit_events', 'audit_events_by_action', '5000000 1000000 20000 1'),
    ('audit_events', 'audit_events_by_outcome', '5000000 1000000 300000 1');
