-- A workspace that was deleted is there until all of its rows are gone: nobody gets into it, and its keys are erased.
ALTER TABLE workspaces ADD COLUMN deleted_at TIMESTAMP;
CREATE INDEX workspaces_deleted ON workspaces (deleted_at) WHERE deleted_at IS NOT NULL;
