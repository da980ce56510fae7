-- Endpoints: the definition as JSON, and beside it what people list and filter by.
CREATE TABLE endpoints (
    id           TEXT NOT NULL PRIMARY KEY,
    organisation TEXT NOT NULL,
    workspace    TEXT NOT NULL,
    definition   TEXT NOT NULL,
    secret       TEXT, -- what deliveries are judged by, as scope#slot
    created_ms   INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX endpoints_by_secret ON endpoints (secret);

CREATE TABLE aliases (
    path     TEXT NOT NULL PRIMARY KEY,
    endpoint TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_by_endpoint ON aliases (endpoint);

-- Secrets: ciphertexts only. ends_ms is empty for the current version.
CREATE TABLE secret_versions (
    scope      TEXT NOT NULL,
    slot       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    ends_ms    INTEGER,
    service    TEXT NOT NULL,
    key_id     TEXT NOT NULL,
    ciphertext BLOB NOT NULL,
    PRIMARY KEY (scope, slot, version)
) STRICT, WITHOUT ROWID;

-- Who did what. Lines are added, never changed.
CREATE TABLE audit (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms   INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    origin  TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- What changed, for the caches of other processes. The mark tells two histories apart that have the
-- same numbers: one of them comes from a backup.
CREATE TABLE changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    mark   INTEGER NOT NULL DEFAULT (random()),
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL
) STRICT;
