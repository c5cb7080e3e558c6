-- Codes that stand in for a second factor, each once; kept as their SHA-256 (120 random bits each).
CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash TEXT NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

-- Public keys of passkeys: what they verify is made on the person's device.
CREATE TABLE passkeys (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    public_key TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    used_at TIMESTAMP
);
CREATE INDEX passkeys_by_user ON passkeys (user_id, created_at);

-- What was begun and waits for its other half: a sign-in for the second factor, an authenticator for its first code, a
-- passkey for its answer. The id is the SHA-256 of a token in a cookie, or names the person.
CREATE TABLE steps (
    id TEXT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL CHECK (purpose IN ('second_factor', 'authenticator', 'passkey', 'registration')),
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX steps_by_user ON steps (user_id);
CREATE INDEX steps_by_expiry ON steps (expires_at);
