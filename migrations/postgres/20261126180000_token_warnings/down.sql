DROP INDEX bot_tokens_due_warning;
ALTER TABLE bot_tokens DROP COLUMN warn_at;
