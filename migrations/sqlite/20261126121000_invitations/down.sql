DROP INDEX credential_versions_by_maker;
DROP INDEX credentials_by_maker;
DROP TABLE invitations;
