-- Operator tokens: the credentials of scripts at the admin API. The store holds a hash of each.
CREATE TABLE operator_tokens (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- not secret
    label      TEXT NOT NULL,
    grants     TEXT NOT NULL, -- JSON: roles, each with the organisation and the workspace that it applies to
    hash       BYTEA NOT NULL, -- SHA-256 of 256 random bits
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);

-- Login links that are not used yet. Each starts one session.
CREATE TABLE login_links (
    hash       BYTEA NOT NULL PRIMARY KEY, -- SHA-256 of 256 random bits
    subject    TEXT NOT NULL,
    grants     TEXT NOT NULL,
    expires_ms BIGINT NOT NULL
);

-- Sessions of browsers.
CREATE TABLE sessions (
    hash         BYTEA NOT NULL PRIMARY KEY, -- SHA-256 of 256 random bits
    subject      TEXT COLLATE "C" NOT NULL,
    grants       TEXT NOT NULL,
    signed_in_ms BIGINT NOT NULL,
    seen_ms      BIGINT NOT NULL,
    expires_ms   BIGINT NOT NULL
);
CREATE INDEX sessions_by_subject ON sessions (subject, signed_in_ms);

-- Requests with an Idempotency-Key, and their answers. Without a status the request still runs.
CREATE TABLE idempotency_keys (
    principal TEXT COLLATE "C" NOT NULL,
    name      TEXT COLLATE "C" NOT NULL,
    request   BYTEA NOT NULL, -- SHA-256 of the request
    at_ms     BIGINT NOT NULL,
    status    BIGINT,
    body      TEXT,
    PRIMARY KEY (principal, name)
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (at_ms);
