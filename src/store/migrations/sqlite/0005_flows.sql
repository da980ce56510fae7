-- Flows. The draft is the latest declaration, as JSON; the revision counts changes, so that a change that was
-- planned on an older one is refused.
CREATE TABLE flows (
    name         TEXT NOT NULL PRIMARY KEY,
    organisation TEXT NOT NULL,
    workspace    TEXT NOT NULL,
    draft        TEXT NOT NULL,
    revision     INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was released. Versions are added, never changed.
CREATE TABLE flow_versions (
    flow       TEXT NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    number     INTEGER NOT NULL,
    document   TEXT NOT NULL,
    note       TEXT,
    actor      TEXT NOT NULL,
    origin     TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (flow, number)
) STRICT, WITHOUT ROWID;

-- Where a flow is in force, by the scope of the secrets there; the draft has no version. As long as a row is
-- here, the secrets in its scope stay.
CREATE TABLE flow_targets (
    scope   TEXT NOT NULL PRIMARY KEY,
    flow    TEXT NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    version INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX flow_targets_by_flow ON flow_targets (flow);

CREATE TABLE flow_moves (
    flow         TEXT NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    scope        TEXT NOT NULL,
    from_version INTEGER,
    to_version   INTEGER,
    action       TEXT NOT NULL,
    actor        TEXT NOT NULL,
    origin       TEXT NOT NULL,
    at_ms        INTEGER NOT NULL,
    PRIMARY KEY (flow, number)
) STRICT, WITHOUT ROWID;

-- The flow that an endpoint is a part of: nobody else changes it.
ALTER TABLE endpoints ADD COLUMN flow TEXT;
