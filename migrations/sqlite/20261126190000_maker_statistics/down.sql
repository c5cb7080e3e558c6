DELETE FROM sqlite_stat1 WHERE idx IN ('credentials_by_maker', 'credentials_due_resumption');
