-- Every line of the audit log has a digest that covers it and all lines before it; the last one stands apart,
-- so that a log that was cut off shows.
ALTER TABLE audit ADD COLUMN digest BLOB;
CREATE TABLE audit_end (
    one    INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL,
    digest BLOB NOT NULL
) STRICT;
