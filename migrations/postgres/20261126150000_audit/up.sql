-- Each filter of the audit page is an index that ends in the number of the line.
CREATE INDEX audit_events_by_actor ON audit_events (chain, actor_id, seq);
CREATE INDEX audit_events_by_action ON audit_events (chain, action, seq);
CREATE INDEX audit_events_by_outcome ON audit_events (chain, outcome, seq);

-- How far each chain was proved by the running server, in its two walks: one that follows the head, and one that
-- begins again at the first line. The code says that the program itself wrote the row.
CREATE TABLE audit_proofs (
    chain TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    at TIMESTAMP NOT NULL,
    again_seq BIGINT NOT NULL,
    again_hash BYTEA NOT NULL,
    whole_seq BIGINT NOT NULL,
    whole_at TIMESTAMP,
    fault_seq BIGINT,
    fault TEXT NOT NULL,
    mac BYTEA NOT NULL,
    mac_key INTEGER NOT NULL
);

