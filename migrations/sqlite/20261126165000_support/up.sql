-- Who looks into a workspace as support, asked for with every page of its admins; and whose time is over.
CREATE INDEX memberships_by_role ON memberships (workspace_id, role, user_id);
CREATE INDEX memberships_by_end ON memberships (expires_at) WHERE expires_at IS NOT NULL;
