-- OAuth clients of a workspace, pending consents, and what a consent gave.
CREATE TABLE oauth_apps (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    integration TEXT COLLATE "C" NOT NULL,
    client TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    config TEXT NOT NULL,
    secret_names TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    key_version INTEGER NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (workspace_id, integration, client)
);

-- `session` is the start of a hashed session key; `state_hash` that of the state sent to the provider.
CREATE TABLE oauth_flows (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    id TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('create', 'connect')),
    stage TEXT NOT NULL CHECK (stage IN ('open', 'taken', 'failed', 'confirm', 'done')),
    credential_id TEXT COLLATE "C" NOT NULL,
    integration TEXT NOT NULL,
    method TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session TEXT NOT NULL,
    state_hash TEXT NOT NULL UNIQUE,
    round BIGINT NOT NULL,
    sealed BYTEA,
    key_version INTEGER NOT NULL,
    report TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX oauth_flows_by_created ON oauth_flows (created_at);
CREATE INDEX oauth_flows_by_user ON oauth_flows (user_id);

-- One a credential. `serial` counts the stored tokens; `fence` counts the leases to renew them.
CREATE TABLE oauth_grants (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    credential_id TEXT COLLATE "C" NOT NULL,
    serial BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    key_version INTEGER NOT NULL,
    asked TEXT NOT NULL,
    granted TEXT NOT NULL,
    renewable BOOLEAN NOT NULL,
    expires_at TIMESTAMP,
    refresh_at TIMESTAMP,
    ends_at TIMESTAMP,
    connected_at TIMESTAMP NOT NULL,
    connected_by TEXT NOT NULL,
    refreshed_at TIMESTAMP,
    failures INTEGER NOT NULL,
    lease_until TIMESTAMP,
    fence BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, credential_id),
    FOREIGN KEY (workspace_id, credential_id) REFERENCES credentials (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX oauth_grants_due ON oauth_grants (refresh_at) WHERE refresh_at IS NOT NULL;
