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

// Several nodes delete at once. Each skips the rows that another one is deleting, so that none waits and no deadlock
// arises.

/// Deletes the deliveries of an endpoint that exceed its number.
pub(super) const DELETE_EXCESS_DELIVERIES: &str = "DELETE FROM deliveries WHERE number IN \
     (SELECT number FROM deliveries WHERE endpoint = $1 \
     AND number <= (SELECT number FROM deliveries WHERE endpoint = $1 \
     ORDER BY number DESC LIMIT 1 OFFSET $2) FOR UPDATE SKIP LOCKED)";

/// Deletes up to `$2` deliveries that arrived at `$1` or before.
pub(super) const DELETE_OLD_DELIVERIES: &str = "DELETE FROM deliveries WHERE number IN \
     (SELECT number FROM deliveries WHERE at_ms <= $1 ORDER BY at_ms LIMIT $2 \
     FOR UPDATE SKIP LOCKED)";

/// Deletes the `$1` oldest deliveries.
pub(super) const DELETE_OLDEST_DELIVERIES: &str = "DELETE FROM deliveries WHERE number IN \
     (SELECT number FROM deliveries ORDER BY number LIMIT $1 FOR UPDATE SKIP LOCKED)";

/// Deletes the counts of endpoints for hours before `$1`.
pub(super) const DELETE_OLD_HOURS: &str = "DELETE FROM delivery_hourly \
     WHERE (endpoint, generation, hour_ms) IN \
     (SELECT endpoint, generation, hour_ms FROM delivery_hourly WHERE hour_ms < $1 \
     FOR UPDATE SKIP LOCKED)";

/// Deletes the latest deliveries of endpoints that no longer exist in their generation.
pub(super) const DELETE_ORPHANED_LATEST: &str = "DELETE FROM delivery_latest \
     WHERE (endpoint, generation) IN \
     (SELECT endpoint, generation FROM delivery_latest WHERE NOT EXISTS \
     (SELECT 1 FROM endpoints WHERE id = delivery_latest.endpoint \
     AND endpoints.generation = delivery_latest.generation) FOR UPDATE SKIP LOCKED)";

/// Deletes the counts of secret versions for hours before `$1`.
pub(super) const DELETE_OLD_VERSION_HOURS: &str = "DELETE FROM secret_hourly \
     WHERE (scope, slot, version, hour_ms) IN \
     (SELECT scope, slot, version, hour_ms FROM secret_hourly WHERE hour_ms < $1 \
     FOR UPDATE SKIP LOCKED)";

/// The scope and the slot of the secret of the endpoint `e`.
pub(super) const SECRET_SCOPE: &str = "split_part(e.secret, '#', 1)";
pub(super) const SECRET_SLOT: &str = "split_part(e.secret, '#', 2)";

/// The run-time of the endpoint `e`.
pub(super) const TARGET: &str = "e.definition::json ->> 'target'";

/// The mode of the endpoint `e`.
pub(super) const MODE: &str = "e.definition::json #>> '{auth,mode}'";

/// True if the endpoint `e` is disabled or suspended.
pub(super) const DISABLED: &str =
    "(e.definition::json ->> 'enabled' = 'false' OR e.definition::json ->> 'suspended' = 'true')";
