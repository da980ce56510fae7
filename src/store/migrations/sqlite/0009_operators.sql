-- Operator tokens: the credentials of scripts at the admin API. The store holds a hash of each.
CREATE TABLE operator_tokens (
    id         TEXT NOT NULL PRIMARY KEY, -- not secret
    label      TEXT NOT NULL,
    grants     TEXT NOT NULL, -- JSON: roles, each with the organisation and the workspace that it applies to
    hash       BLOB NOT NULL, -- SHA-256 of 256 random bits
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT, WITHOUT ROWID;

-- Login links that are not used yet. Each starts one session.
CREATE TABLE login_links (
    hash       BLOB NOT NULL PRIMARY KEY, -- SHA-256 of 256 random bits
    subject    TEXT NOT NULL,
    grants     TEXT NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Sessions of browsers.
CREATE TABLE sessions (
    hash         BLOB NOT NULL PRIMARY KEY, -- SHA-256 of 256 random bits
    subject      TEXT NOT NULL,
    grants       TEXT NOT NULL,
    signed_in_ms INTEGER NOT NULL,
    seen_ms      INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_subject ON sessions (subject, signed_in_ms);

-- Requests with an Idempotency-Key, and their answers. Without a status the request still runs.
CREATE TABLE idempotency_keys (
    principal TEXT NOT NULL,
    name      TEXT NOT NULL,
    request   BLOB NOT NULL, -- SHA-256 of the request
    at_ms     INTEGER NOT NULL,
    status    INTEGER,
    body      TEXT,
    PRIMARY KEY (principal, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (at_ms);
