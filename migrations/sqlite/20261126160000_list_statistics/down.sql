UPDATE sqlite_stat1 SET stat = '100000 10000 1' WHERE idx = 'credentials_newest';
