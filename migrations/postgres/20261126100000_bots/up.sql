-- Bots, and the places in them that choose a credential.
CREATE TABLE bots (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL,
    description TEXT NOT NULL,
    published_at TIMESTAMP,
    revision BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    created_by TEXT NOT NULL,
    deleted_at TIMESTAMP,
    deleted_by TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX bots_by_live_name ON bots (workspace_id, name_key) WHERE deleted_at IS NULL;

-- A block keeps the credential that it chose while that lies among the deleted ones; it is emptied when that is
-- gone for good.
CREATE TABLE blocks (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    id TEXT COLLATE "C" NOT NULL,
    bot_id TEXT COLLATE "C" NOT NULL,
    "key" TEXT COLLATE "C" NOT NULL,
    label TEXT NOT NULL,
    integration TEXT NOT NULL,
    credential_id TEXT COLLATE "C",
    "position" BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, "key"),
    FOREIGN KEY (workspace_id, bot_id) REFERENCES bots (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX blocks_by_bot ON blocks (workspace_id, bot_id, "position");
CREATE INDEX blocks_by_credential ON blocks (workspace_id, credential_id, bot_id) WHERE credential_id IS NOT NULL;

-- What bots really used, from their calls: one row a credential and bot.
CREATE TABLE credential_uses (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    credential_id TEXT COLLATE "C" NOT NULL,
    bot_id TEXT COLLATE "C" NOT NULL,
    last_at TIMESTAMP,
    count BIGINT NOT NULL CHECK (count >= 0),
    last_denied_at TIMESTAMP,
    denied BIGINT NOT NULL CHECK (denied >= 0),
    PRIMARY KEY (workspace_id, credential_id, bot_id),
    FOREIGN KEY (workspace_id, credential_id) REFERENCES credentials (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, bot_id) REFERENCES bots (workspace_id, id) ON DELETE CASCADE
);

-- When a staged version is to be served, and what its credential says of itself while it serves.
ALTER TABLE credential_versions ADD COLUMN promote_at TIMESTAMP;
ALTER TABLE credential_versions ADD COLUMN standing TEXT;
CREATE INDEX credential_versions_due_promotion ON credential_versions (promote_at) WHERE promote_at IS NOT NULL;
CREATE INDEX credential_versions_due_erasure ON credential_versions (retire_at) WHERE retire_at IS NOT NULL;

-- Until when a credential is switched off, and the status that it has again afterwards.
ALTER TABLE credentials ADD COLUMN suspended_until TIMESTAMP;
ALTER TABLE credentials ADD COLUMN suspended_from TEXT;
CREATE INDEX credentials_due_resumption ON credentials (suspended_until) WHERE suspended_until IS NOT NULL;

