-- When admins are told next that a token ends soon; none once the last warning went out.
ALTER TABLE bot_tokens ADD COLUMN warn_at TIMESTAMP;
CREATE INDEX bot_tokens_due_warning ON bot_tokens (warn_at) WHERE warn_at IS NOT NULL;
UPDATE bot_tokens SET warn_at = expires_at - INTERVAL '14 days'
WHERE revoked_at IS NULL AND replaced_by IS NULL;
