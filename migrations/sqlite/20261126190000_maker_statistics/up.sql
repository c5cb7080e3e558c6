-- An index without statistics is taken for a very choosy one: the list was read along the makers and sorted as a whole.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('credentials', 'credentials_by_maker', '100000 10000 500 1'),
    ('credentials', 'credentials_due_resumption', '1000 1');
