-- Mails that were promised in a transaction. What a mail says is sealed, since its link opens something, and is erased
-- once it was sent or its time is over.
CREATE TABLE outbox (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    recipient TEXT NOT NULL,
    sealed BLOB,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'kept', 'failed')),
    attempts INTEGER NOT NULL,
    next_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    problem TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    settled_at TIMESTAMP
);
CREATE INDEX outbox_by_due ON outbox (next_at) WHERE state = 'waiting';
CREATE INDEX outbox_by_workspace ON outbox (workspace_id, id);
CREATE INDEX outbox_by_user ON outbox (user_id, id);
CREATE INDEX outbox_by_created ON outbox (created_at);
