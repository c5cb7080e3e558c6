-- The instance and its root keys.
CREATE TABLE instance (
    id TEXT NOT NULL PRIMARY KEY,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE instance_roots (
    version INTEGER NOT NULL,
    root_label TEXT NOT NULL,
    check_value TEXT NOT NULL,
    wrapped BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('staged', 'active', 'retained', 'retired')),
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (version, root_label)
);

CREATE TABLE workspaces (
    id TEXT NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE workspace_keys (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    wrapped BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'retained', 'retired')),
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (workspace_id, version)
);

-- People.
CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    email_key TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    theme TEXT NOT NULL CHECK (theme IN ('system', 'light', 'dark')),
    shortcuts BOOLEAN NOT NULL,
    totp_sealed BYTEA,
    totp_last_step BIGINT,
    disabled_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE memberships (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('admin', 'member', 'support')),
    reason TEXT NOT NULL,
    expires_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX memberships_by_user ON memberships (user_id, workspace_id);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TIMESTAMP NOT NULL,
    auth_at TIMESTAMP NOT NULL,
    seen_at TIMESTAMP NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL,
    state TEXT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id, id);
CREATE INDEX sessions_by_seen ON sessions (seen_at);

CREATE TABLE sign_in_attempts (
    bucket TEXT NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    day_failures INTEGER NOT NULL,
    day_from TIMESTAMP NOT NULL,
    open_at TIMESTAMP NOT NULL,
    touched_at TIMESTAMP NOT NULL
);
CREATE INDEX sign_in_attempts_by_touched ON sign_in_attempts (touched_at);

-- Credentials. `last_used_at` of 1970-01-01 means never, so that sorting by it agrees everywhere.
CREATE TABLE credentials (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    id TEXT COLLATE "C" NOT NULL,
    handle TEXT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL,
    integration TEXT NOT NULL,
    method TEXT NOT NULL,
    environment TEXT NOT NULL CHECK (environment IN ('', 'production', 'test')),
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    place TEXT NOT NULL,
    badge TEXT NOT NULL CHECK (badge IN ('', 'live', 'test')),
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('broken', 'expiring', 'suspended', 'unreadable', 'unverified', 'working')),
    outcome TEXT NOT NULL,
    code TEXT NOT NULL,
    hint TEXT NOT NULL,
    identity TEXT NOT NULL,
    checked_at TIMESTAMP,
    good_at TIMESTAMP,
    next_check_at TIMESTAMP,
    expires_at TIMESTAMP,
    live_version BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    suspended_at TIMESTAMP,
    deleted_at TIMESTAMP,
    deleted_by TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    created_by TEXT NOT NULL,
    last_used_at TIMESTAMP NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, handle)
);
CREATE UNIQUE INDEX credentials_by_live_name ON credentials (workspace_id, name_key) WHERE deleted_at IS NULL;
CREATE INDEX credentials_newest ON credentials (workspace_id, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_by_name ON credentials (workspace_id, name_key, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_by_status ON credentials (workspace_id, status, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX credentials_by_last_used ON credentials (workspace_id, last_used_at, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_by_integration ON credentials (workspace_id, integration, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_by_environment ON credentials (workspace_id, environment, id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_deleted ON credentials (workspace_id, deleted_at, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX credentials_due_purge ON credentials (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX credentials_due_ageing ON credentials (status, good_at) WHERE deleted_at IS NULL;
CREATE INDEX credentials_due_expiry ON credentials (expires_at) WHERE deleted_at IS NULL AND expires_at IS NOT NULL;

CREATE TABLE credential_words (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    credential_id TEXT COLLATE "C" NOT NULL,
    word TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace_id, credential_id, word),
    FOREIGN KEY (workspace_id, credential_id) REFERENCES credentials (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX credential_words_by_word ON credential_words (workspace_id, word, credential_id);

CREATE TABLE credential_counts (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    n BIGINT NOT NULL CHECK (n >= 0),
    PRIMARY KEY (workspace_id, status)
);

CREATE TABLE credential_versions (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    credential_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    config TEXT NOT NULL,
    secret_names TEXT NOT NULL,
    destination TEXT NOT NULL,
    sealed BYTEA,
    key_version INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('staged', 'live', 'previous')),
    created_at TIMESTAMP NOT NULL,
    created_by TEXT NOT NULL,
    retire_at TIMESTAMP,
    PRIMARY KEY (workspace_id, credential_id, version),
    FOREIGN KEY (workspace_id, credential_id) REFERENCES credentials (workspace_id, id) ON DELETE CASCADE
);

CREATE TABLE credential_fingerprints (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,
    credential_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace_id, fingerprint, credential_id),
    FOREIGN KEY (workspace_id, credential_id) REFERENCES credentials (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX credential_fingerprints_by_credential ON credential_fingerprints (workspace_id, credential_id);

CREATE TABLE credential_checks (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    credential_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    at TIMESTAMP NOT NULL,
    cause TEXT NOT NULL CHECK (cause IN ('save', 'manual', 'schedule', 'use')),
    outcome TEXT NOT NULL,
    code TEXT NOT NULL,
    hint TEXT NOT NULL,
    steps TEXT NOT NULL,
    ms INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, credential_id, id),
    FOREIGN KEY (workspace_id, credential_id) REFERENCES credentials (workspace_id, id) ON DELETE CASCADE
);

-- The hash chains: one a workspace, one for the instance. They outlive what they speak of.
CREATE TABLE audit_heads (
    chain TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash BYTEA NOT NULL
);

CREATE TABLE audit_events (
    chain TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at TIMESTAMP NOT NULL,
    request_id TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    session TEXT NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL,
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('allow', 'deny', 'error')),
    code TEXT NOT NULL,
    details TEXT NOT NULL,
    prev_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    mac BYTEA NOT NULL,
    mac_key INTEGER NOT NULL,
    PRIMARY KEY (chain, seq)
);
CREATE INDEX audit_events_by_target ON audit_events (chain, target_id, seq);
