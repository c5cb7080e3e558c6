-- What was pruned from the beginning of a chain, as a signed note: the rest is proved from where that ends.
CREATE TABLE audit_summaries (
    chain TEXT NOT NULL PRIMARY KEY,
    note TEXT NOT NULL
);
