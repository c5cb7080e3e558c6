-- When admins are told next that a token ends soon; none once the last warning went out.
ALTER TABLE bot_tokens ADD COLUMN warn_at TIMESTAMP;
CREATE INDEX bot_tokens_due_warning ON bot_tokens (warn_at) WHERE warn_at IS NOT NULL;
UPDATE bot_tokens SET warn_at = strftime('%Y-%m-%d %H:%M:%f', expires_at, '-14 days')
WHERE revoked_at IS NULL AND replaced_by IS NULL;

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('bot_tokens', 'bot_tokens_due_warning', '9000 1');
