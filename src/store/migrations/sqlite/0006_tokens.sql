-- Tokens of workspaces: a hash of each, found by its id.
CREATE TABLE tokens (
    id           TEXT NOT NULL PRIMARY KEY, -- no secret
    organisation TEXT NOT NULL,
    workspace    TEXT NOT NULL,
    label        TEXT NOT NULL,
    hash         BLOB NOT NULL, -- SHA-256 of 256 random bits
    created_ms   INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL,
    revoked_ms   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_workspace ON tokens (workspace, id);

-- When each was last used. Apart, so that counting never waits for whoever revokes.
CREATE TABLE token_uses (
    id           TEXT NOT NULL PRIMARY KEY,
    last_used_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which organisations have a workspace of a name, without a look at every endpoint.
CREATE INDEX endpoints_by_workspace ON endpoints (workspace, organisation);
