DROP TABLE steps;
DROP TABLE passkeys;
DROP TABLE recovery_codes;
