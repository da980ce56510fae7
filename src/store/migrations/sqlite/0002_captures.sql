-- Refused deliveries of endpoints that ask for them to be kept: redacted, few, and not for long.
CREATE TABLE captures (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint   TEXT NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    request_id TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    ends_ms    INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    http       BLOB NOT NULL
) STRICT;
CREATE INDEX captures_by_endpoint ON captures (endpoint, number);
CREATE INDEX captures_by_request ON captures (request_id);
CREATE INDEX captures_by_end ON captures (ends_ms);
