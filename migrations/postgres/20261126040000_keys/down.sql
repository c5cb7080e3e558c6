DROP INDEX credential_versions_by_key;
ALTER TABLE workspace_keys DROP COLUMN retired_at;
ALTER TABLE instance_roots DROP COLUMN retired_at;
ALTER TABLE instance_roots DROP COLUMN used_at;
ALTER TABLE instance DROP COLUMN compacted_at;
ALTER TABLE instance DROP COLUMN retired_at;
