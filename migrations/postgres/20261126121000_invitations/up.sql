-- Who was asked into a workspace. The token of the link is kept as its SHA-256; it works once, for a week.
CREATE TABLE invitations (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    id TEXT COLLATE "C" NOT NULL,
    email_key TEXT NOT NULL,
    email TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'member', 'support')),
    token_hash TEXT NOT NULL UNIQUE,
    invited_by TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    accepted_at TIMESTAMP,
    withdrawn_at TIMESTAMP,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX invitations_by_email ON invitations (workspace_id, email_key);
-- What somebody made, for the report when they leave.
CREATE INDEX credentials_by_maker ON credentials (workspace_id, created_by, id);
CREATE INDEX credential_versions_by_maker ON credential_versions (workspace_id, created_by, credential_id);
