-- How many deliveries each version of a secret has proven, and when it last did.
CREATE TABLE secret_uses (
    scope        TEXT NOT NULL,
    slot         TEXT NOT NULL,
    version      INTEGER NOT NULL,
    deliveries   INTEGER NOT NULL,
    last_used_ms INTEGER NOT NULL,
    PRIMARY KEY (scope, slot, version)
) STRICT, WITHOUT ROWID;
