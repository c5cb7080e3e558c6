-- What the planner is to believe of a large workspace, so that its plans are the same in every database and
-- do not turn with the rows: in each line the rows of the index, then how many share its first 1, 2, … columns.
-- Without this it takes the first column of an index for selective, and walks a whole workspace for a filter.
ANALYZE;
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('credentials', 'credentials', '100000 10000 1'),
    ('credentials', 'sqlite_autoindex_credentials_2', '100000 10000 1'),
    ('credentials', 'credentials_by_live_name', '100000 10000 1'),
    ('credentials', 'credentials_newest', '100000 10000 1'),
    ('credentials', 'credentials_by_name', '100000 10000 1 1'),
    ('credentials', 'credentials_by_status', '100000 10000 500 1'),
    ('credentials', 'credentials_by_last_used', '100000 10000 10 1'),
    ('credentials', 'credentials_by_integration', '100000 10000 100 1'),
    ('credentials', 'credentials_by_environment', '100000 10000 3000 1'),
    ('credentials', 'credentials_deleted', '1000 100 1 1'),
    ('credentials', 'credentials_due_purge', '1000 1'),
    ('credentials', 'credentials_due_ageing', '100000 15000 1'),
    ('credentials', 'credentials_due_expiry', '1000 1'),
    ('credential_words', 'credential_words', '1500000 150000 15 1'),
    ('credential_words', 'credential_words_by_word', '1500000 150000 20 1');
