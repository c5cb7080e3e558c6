DROP TABLE devices;
DROP TABLE email_changes;
DROP TABLE password_resets;
