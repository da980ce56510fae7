//! SQL in the dialect of PostgreSQL.

/// True if a secret may be bound: it has no current version, and a window is open at an endpoint that uses it.
pub(super) const MAY_BE_BOUND: &str = "SELECT EXISTS (SELECT 1 FROM endpoints WHERE id = $4 AND secret = $3 \
     AND definition::json ->> 'handshake_expected_until' = $5) \
     AND NOT EXISTS (SELECT 1 FROM secret_versions \
     WHERE scope = $1 AND slot = $2 AND ends_ms IS NULL)";

/// The distinct `auth` and `handshake` of all endpoints that use a secret.
pub(super) const USERS: &str = "SELECT DISTINCT definition::json ->> 'auth', definition::json ->> 'handshake' \
     FROM endpoints WHERE secret = $1";

/// The endpoints that use a secret and whose challenge is in a list, or is not.
pub(super) const SHARING: &str = "SELECT id FROM endpoints WHERE secret = $1 \
     AND (coalesce(definition::json ->> 'handshake', '') \
     IN (SELECT json_array_elements_text($2::json))) = $3 \
     LIMIT $4";

/// A write without a change: a transaction id is assigned only if the server can write its log.
pub(super) const WRITE_NOTHING: &str = "SELECT txid_current()";
