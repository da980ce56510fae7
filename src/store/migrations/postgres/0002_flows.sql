-- Flows: the same tables as in SQLite, which says more about each.
CREATE TABLE flows (
    name         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    organisation TEXT NOT NULL,
    workspace    TEXT NOT NULL,
    draft        TEXT NOT NULL,
    revision     BIGINT NOT NULL,
    created_ms   BIGINT NOT NULL,
    updated_ms   BIGINT NOT NULL
);

CREATE TABLE flow_versions (
    flow       TEXT COLLATE "C" NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    number     BIGINT NOT NULL,
    document   TEXT NOT NULL,
    note       TEXT,
    actor      TEXT NOT NULL,
    origin     TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (flow, number)
);

CREATE TABLE flow_targets (
    scope   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    flow    TEXT COLLATE "C" NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    version BIGINT
);
CREATE INDEX flow_targets_by_flow ON flow_targets (flow);

CREATE TABLE flow_moves (
    flow         TEXT COLLATE "C" NOT NULL REFERENCES flows (name) ON DELETE CASCADE,
    number       BIGINT NOT NULL,
    scope        TEXT COLLATE "C" NOT NULL,
    from_version BIGINT,
    to_version   BIGINT,
    action       TEXT NOT NULL,
    actor        TEXT NOT NULL,
    origin       TEXT NOT NULL,
    at_ms        BIGINT NOT NULL,
    PRIMARY KEY (flow, number)
);

ALTER TABLE endpoints ADD COLUMN flow TEXT;
