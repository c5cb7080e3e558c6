-- When keys were last used and retired, and up to which retirement the file was written anew.
ALTER TABLE instance ADD COLUMN retired_at TIMESTAMP;
ALTER TABLE instance ADD COLUMN compacted_at TIMESTAMP;
ALTER TABLE instance_roots ADD COLUMN used_at TIMESTAMP;
ALTER TABLE instance_roots ADD COLUMN retired_at TIMESTAMP;
ALTER TABLE workspace_keys ADD COLUMN retired_at TIMESTAMP;

-- What is sealed under a key: asked for while keys are rotated and before one is retired.
CREATE INDEX credential_versions_by_key ON credential_versions (workspace_id, key_version, credential_id, version) WHERE sealed IS NOT NULL;
