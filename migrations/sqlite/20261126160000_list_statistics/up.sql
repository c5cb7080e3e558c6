-- The index of live credentials is to be taken for the newest ones: by the primary key the planner would walk over
-- all that were deleted lately before it comes to the first live one.
UPDATE sqlite_stat1 SET stat = '100000 5000 1' WHERE idx = 'credentials_newest';
