-- The last deliveries of each endpoint, without headers, query strings and bodies. The generation is that of the
-- endpoint (0008): a later owner of its id does not see them. Rows go when their endpoint is deleted, when they are too
-- many or too old.
CREATE TABLE deliveries (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint       TEXT NOT NULL,
    generation     INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL,
    request_id     TEXT NOT NULL,
    sender_id      TEXT,
    event          TEXT,
    outcome        TEXT NOT NULL,
    reason         TEXT NOT NULL,
    status         INTEGER,
    cause          TEXT,
    secret_version INTEGER,
    body_bytes     INTEGER,
    receive_us     INTEGER,
    verify_us      INTEGER,
    backend_us     INTEGER,
    total_us       INTEGER NOT NULL,
    client         TEXT
) STRICT;
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint, number);
-- A batch that is written again after a timeout adds nothing.
CREATE UNIQUE INDEX deliveries_by_request ON deliveries (request_id, endpoint, at_ms);
CREATE INDEX deliveries_by_time ON deliveries (at_ms);

-- How many deliveries an endpoint got in an hour. Rows are kept for 48 hours.
CREATE TABLE delivery_hourly (
    endpoint   TEXT NOT NULL,
    generation INTEGER NOT NULL,
    hour_ms    INTEGER NOT NULL,
    admitted   INTEGER NOT NULL,
    refused    INTEGER NOT NULL,
    failed     INTEGER NOT NULL,
    ignored    INTEGER NOT NULL,
    PRIMARY KEY (endpoint, generation, hour_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_hourly_by_hour ON delivery_hourly (hour_ms);

-- The latest delivery of each endpoint, and its latest admitted one.
CREATE TABLE delivery_latest (
    endpoint         TEXT NOT NULL,
    generation       INTEGER NOT NULL,
    at_ms            INTEGER NOT NULL,
    reason           TEXT NOT NULL,
    last_admitted_ms INTEGER,
    PRIMARY KEY (endpoint, generation)
) STRICT, WITHOUT ROWID;

-- How many deliveries each version of a secret verified in an hour. Rows are kept for 48 hours.
CREATE TABLE secret_hourly (
    scope      TEXT NOT NULL,
    slot       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    hour_ms    INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    PRIMARY KEY (scope, slot, version, hour_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX secret_hourly_by_hour ON secret_hourly (hour_ms);
