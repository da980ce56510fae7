//! What PostgreSQL says in its own way.

/// Whether a secret may be bound: nothing is bound to it, and a window is open at an endpoint that is
/// judged by it.
pub(super) const MAY_BE_BOUND: &str = "SELECT EXISTS (SELECT 1 FROM endpoints WHERE id = $4 AND secret = $3 \
     AND definition::json ->> 'handshake_expected_until' = $5) \
     AND NOT EXISTS (SELECT 1 FROM secret_versions \
     WHERE scope = $1 AND slot = $2 AND ends_ms IS NULL)";

/// What the endpoints that are judged by a secret say of their proofs and handshakes, each saying once.
pub(super) const USERS: &str = "SELECT DISTINCT definition::json ->> 'auth', definition::json ->> 'handshake' \
     FROM endpoints WHERE secret = $1";

/// The endpoints that are judged by a secret and have one of some handshakes, or none of them.
pub(super) const SHARING: &str = "SELECT id FROM endpoints WHERE secret = $1 \
     AND (coalesce(definition::json ->> 'handshake', '') \
     IN (SELECT json_array_elements_text($2::json))) = $3 \
     LIMIT $4";

/// A write that changes nothing: a transaction with a number is one that the server must be able to log.
pub(super) const WRITE_NOTHING: &str = "SELECT txid_current()";
