-- What bots and automations sign in with. A token without a bot manages the workspace and never gets a secret.
-- `shown` is the token itself, sealed under a ticket that its maker's browser holds, for the seconds until it is shown.
CREATE TABLE bot_tokens (
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    id TEXT COLLATE "C" NOT NULL,
    bot_id TEXT COLLATE "C",
    name TEXT COLLATE "C" NOT NULL,
    prefix TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    every_block BOOLEAN NOT NULL,
    networks TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    revoked_at TIMESTAMP,
    revoked_by TEXT COLLATE "C" NOT NULL,
    leaked_at TIMESTAMP,
    last_used_at TIMESTAMP,
    replaced_by TEXT COLLATE "C",
    shown BYTEA,
    shown_until TIMESTAMP,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, bot_id) REFERENCES bots (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX bot_tokens_by_digest ON bot_tokens (digest);
CREATE INDEX bot_tokens_by_bot ON bot_tokens (workspace_id, bot_id, id);
CREATE INDEX bot_tokens_due_shown ON bot_tokens (shown_until) WHERE shown_until IS NOT NULL;

-- The credentials of a token that is not for every block of its bot.
CREATE TABLE bot_token_credentials (
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    token_id TEXT COLLATE "C" NOT NULL,
    credential_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace_id, token_id, credential_id),
    FOREIGN KEY (workspace_id, token_id) REFERENCES bot_tokens (workspace_id, id) ON DELETE CASCADE,
    FOREIGN KEY (workspace_id, credential_id) REFERENCES credentials (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX bot_token_credentials_by_credential ON bot_token_credentials (workspace_id, credential_id);

