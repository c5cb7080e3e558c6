DROP INDEX memberships_by_end;
DROP INDEX memberships_by_role;
