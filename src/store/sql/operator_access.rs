//! Operator tokens, login links, sessions and idempotency keys.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sqlx::Transaction;

use super::{Database, Engine, Pool, audit, tokens};
use crate::audit::AuditEntry;
use crate::auth::{TokenHash, TokenId};
use crate::operators::{
    IdempotencyKey, IdempotencyState, LoginLink, MAX_IDEMPOTENCY_KEYS, OperatorStore,
    OperatorToken, RequestDigest, RoleGrant, Session, SignOut, StoredAnswer,
};
use crate::secrets::StoreError;
use crate::store::rows;

#[async_trait]
impl OperatorStore for Engine {
    async fn operator_token(&self, id: &TokenId) -> Result<Option<OperatorToken>, StoreError> {
        self.bounded(operator_token(self.readers()?, id)).await
    }

    async fn operator_tokens(
        &self,
        after: Option<&TokenId>,
        limit: u32,
    ) -> Result<Vec<OperatorToken>, StoreError> {
        self.bounded(operator_tokens(self.readers()?, after, limit))
            .await
    }

    async fn add_operator_token(
        &self,
        token: &OperatorToken,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin().await?;
            tokens::forget_ended(&mut transaction, "operator_tokens", token.created_at).await?;
            add_token(&mut transaction, token).await?;
            audit::add(&mut transaction, &audit).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }

    async fn revoke_operator_token(
        &self,
        id: &TokenId,
        at: Timestamp,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin().await?;
            let revoked = sqlx::query(
                "UPDATE operator_tokens SET revoked_ms = $2 \
                 WHERE id = $1 AND revoked_ms IS NULL AND expires_ms > $2",
            )
            .bind(id.to_string())
            .bind(at.as_millisecond())
            .execute(&mut *transaction)
            .await?;
            if revoked.rows_affected() == 0 {
                return Ok(false);
            }
            audit::add(&mut transaction, &audit).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn add_login_link(
        &self,
        hash: &TokenHash,
        link: &LoginLink,
        now: Timestamp,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin().await?;
            sqlx::query("DELETE FROM login_links WHERE expires_ms <= $1")
                .bind(now.as_millisecond())
                .execute(&mut *transaction)
                .await?;
            sqlx::query(
                "INSERT INTO login_links (hash, subject, grants, expires_ms) VALUES ($1, $2, $3, $4)",
            )
            .bind(hash.bytes().as_slice())
            .bind(&link.subject)
            .bind(grants_text(&link.grants)?)
            .bind(link.expires_at.as_millisecond())
            .execute(&mut *transaction)
            .await?;
            audit::add(&mut transaction, &audit).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }

    async fn login_link(&self, hash: &TokenHash) -> Result<Option<LoginLink>, StoreError> {
        self.bounded(login_link(self.readers()?, hash)).await
    }

    async fn redeem_login_link(
        &self,
        link: &TokenHash,
        session_hash: &TokenHash,
        session: &Session,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin().await?;
            let used = sqlx::query("DELETE FROM login_links WHERE hash = $1 AND expires_ms > $2")
                .bind(link.bytes().as_slice())
                .bind(session.signed_in_at.as_millisecond())
                .execute(&mut *transaction)
                .await?;
            if used.rows_affected() == 0 {
                return Ok(false);
            }
            add_session(&mut transaction, session_hash, session).await?;
            audit::add(&mut transaction, &audit).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn session(&self, hash: &TokenHash) -> Result<Option<Session>, StoreError> {
        self.bounded(session(self.readers()?, hash)).await
    }

    async fn touch_session(&self, hash: &TokenHash, now: Timestamp) -> Result<(), StoreError> {
        self.bounded_write(1, async {
            // Does not exclude other writers: a use must not wait for changes.
            let mut transaction = self.begin_concurrent().await?;
            sqlx::query(
                "UPDATE sessions SET seen_ms = $2 \
                 WHERE hash = $1 AND expires_ms > $2 AND seen_ms > $3 AND seen_ms < $2",
            )
            .bind(hash.bytes().as_slice())
            .bind(now.as_millisecond())
            .bind(idle_since(now))
            .execute(&mut *transaction)
            .await?;
            Ok(transaction.commit().await?)
        })
        .await
    }

    async fn end_session(&self, hash: &TokenHash, audit: AuditEntry) -> Result<bool, StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin().await?;
            let ended = sqlx::query("DELETE FROM sessions WHERE hash = $1")
                .bind(hash.bytes().as_slice())
                .execute(&mut *transaction)
                .await?;
            if ended.rows_affected() == 0 {
                return Ok(false);
            }
            audit::add(&mut transaction, &audit).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn end_sessions_of(
        &self,
        subject: &str,
        audit: AuditEntry,
    ) -> Result<SignOut, StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin().await?;
            forget_ended_sessions(&mut transaction, audit.at).await?;
            let sessions = sqlx::query("DELETE FROM sessions WHERE subject = $1")
                .bind(subject)
                .execute(&mut *transaction)
                .await?;
            let links = sqlx::query("DELETE FROM login_links WHERE subject = $1")
                .bind(subject)
                .execute(&mut *transaction)
                .await?;
            let ended = SignOut {
                sessions: sessions.rows_affected(),
                links: links.rows_affected(),
            };
            if ended != SignOut::default() {
                audit::add(&mut transaction, &audit).await?;
                transaction.commit().await?;
            }
            Ok(ended)
        })
        .await
    }

    async fn reserve_key(
        &self,
        principal: &str,
        key: &IdempotencyKey,
        request: &RequestDigest,
        now: Timestamp,
    ) -> Result<IdempotencyState, StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin().await?;
            let state = reserve_key(&mut transaction, principal, key, request, now).await?;
            transaction.commit().await?;
            Ok(state)
        })
        .await
    }

    async fn store_answer(
        &self,
        principal: &str,
        key: &IdempotencyKey,
        answer: &StoredAnswer,
    ) -> Result<(), StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin_concurrent().await?;
            sqlx::query(
                "UPDATE idempotency_keys SET status = $3, body = $4 \
                 WHERE principal = $1 AND name = $2 AND status IS NULL",
            )
            .bind(principal)
            .bind(key.as_str())
            .bind(i64::from(answer.status))
            .bind(&answer.body)
            .execute(&mut *transaction)
            .await?;
            Ok(transaction.commit().await?)
        })
        .await
    }

    async fn release_key(&self, principal: &str, key: &IdempotencyKey) -> Result<(), StoreError> {
        self.bounded_write(1, async {
            let mut transaction = self.begin_concurrent().await?;
            sqlx::query(
                "DELETE FROM idempotency_keys \
                 WHERE principal = $1 AND name = $2 AND status IS NULL",
            )
            .bind(principal)
            .bind(key.as_str())
            .execute(&mut *transaction)
            .await?;
            Ok(transaction.commit().await?)
        })
        .await
    }
}

async fn operator_token(pool: &Pool, id: &TokenId) -> Result<Option<OperatorToken>, StoreError> {
    let row: Option<TokenRow> = sqlx::query_as(
        "SELECT operator_tokens.id, hash, label, grants, created_ms, expires_ms, revoked_ms, \
         last_used_ms FROM operator_tokens LEFT JOIN token_uses \
         ON token_uses.id = operator_tokens.id WHERE operator_tokens.id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(pool)
    .await?;
    row.map(token_of_row).transpose()
}

async fn operator_tokens(
    pool: &Pool,
    after: Option<&TokenId>,
    limit: u32,
) -> Result<Vec<OperatorToken>, StoreError> {
    let rows: Vec<TokenRow> = sqlx::query_as(
        "SELECT operator_tokens.id, hash, label, grants, created_ms, expires_ms, revoked_ms, \
         last_used_ms FROM operator_tokens LEFT JOIN token_uses \
         ON token_uses.id = operator_tokens.id \
         WHERE operator_tokens.id > $1 ORDER BY operator_tokens.id LIMIT $2",
    )
    .bind(after.map(TokenId::to_string).unwrap_or_default())
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(token_of_row).collect()
}

async fn add_token(
    transaction: &mut Transaction<'_, Database>,
    token: &OperatorToken,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO operator_tokens \
         (id, hash, label, grants, created_ms, expires_ms, revoked_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(token.id.to_string())
    .bind(token.hash.bytes().as_slice())
    .bind(&token.label)
    .bind(grants_text(&token.grants)?)
    .bind(token.created_at.as_millisecond())
    .bind(token.expires_at.as_millisecond())
    .bind(token.revoked_at.map(Timestamp::as_millisecond))
    .execute(&mut **transaction)
    .await
    .map_err(|error| match error.as_database_error() {
        Some(database) if database.is_unique_violation() => {
            StoreError::Conflict(format!("the operator token {}", token.id))
        }
        _ => error.into(),
    })?;
    Ok(())
}

async fn login_link(pool: &Pool, hash: &TokenHash) -> Result<Option<LoginLink>, StoreError> {
    let row: Option<(String, String, i64)> =
        sqlx::query_as("SELECT subject, grants, expires_ms FROM login_links WHERE hash = $1")
            .bind(hash.bytes().as_slice())
            .fetch_optional(pool)
            .await?;
    let link = row.map(|(subject, grants, expires)| {
        Ok(LoginLink {
            subject,
            grants: grants_of_text(&grants)?,
            expires_at: rows::time(expires)?,
        })
    });
    link.transpose()
}

async fn session(pool: &Pool, hash: &TokenHash) -> Result<Option<Session>, StoreError> {
    let row: Option<(String, String, i64, i64, i64)> = sqlx::query_as(
        "SELECT subject, grants, signed_in_ms, seen_ms, expires_ms FROM sessions WHERE hash = $1",
    )
    .bind(hash.bytes().as_slice())
    .fetch_optional(pool)
    .await?;
    let session = row.map(|(subject, grants, signed_in, seen, expires)| {
        Ok(Session {
            subject,
            grants: grants_of_text(&grants)?,
            signed_in_at: rows::time(signed_in)?,
            seen_at: rows::time(seen)?,
            expires_at: rows::time(expires)?,
        })
    });
    session.transpose()
}

async fn add_session(
    transaction: &mut Transaction<'_, Database>,
    hash: &TokenHash,
    session: &Session,
) -> Result<(), StoreError> {
    forget_ended_sessions(transaction, session.signed_in_at).await?;
    sqlx::query(
        "INSERT INTO sessions (hash, subject, grants, signed_in_ms, seen_ms, expires_ms) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(hash.bytes().as_slice())
    .bind(&session.subject)
    .bind(grants_text(&session.grants)?)
    .bind(session.signed_in_at.as_millisecond())
    .bind(session.seen_at.as_millisecond())
    .bind(session.expires_at.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "DELETE FROM sessions WHERE subject = $1 AND hash <> $3 AND (signed_in_ms, hash) <= \
         (SELECT signed_in_ms, hash FROM sessions WHERE subject = $1 AND hash <> $3 \
         ORDER BY signed_in_ms DESC, hash DESC LIMIT 1 OFFSET $2)",
    )
    .bind(&session.subject)
    // The new session is apart, so that it stays whatever the clock says.
    .bind(i64::from(Session::MAX_OF_SUBJECT) - 1)
    .bind(hash.bytes().as_slice())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn forget_ended_sessions(
    transaction: &mut Transaction<'_, Database>,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE expires_ms <= $1 OR seen_ms <= $2")
        .bind(now.as_millisecond())
        .bind(idle_since(now))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// A session whose last use is not later than this has ended.
fn idle_since(now: Timestamp) -> i64 {
    let idle = i64::try_from(Session::MAX_IDLE.as_millis()).unwrap_or(i64::MAX);
    now.as_millisecond().saturating_sub(idle)
}

async fn reserve_key(
    transaction: &mut Transaction<'_, Database>,
    principal: &str,
    key: &IdempotencyKey,
    request: &RequestDigest,
    now: Timestamp,
) -> Result<IdempotencyState, StoreError> {
    sqlx::query("DELETE FROM idempotency_keys WHERE at_ms <= $1")
        .bind(now.as_millisecond().saturating_sub(KEPT_KEYS_MS))
        .execute(&mut **transaction)
        .await?;
    let found: Option<(Vec<u8>, Option<i64>, Option<String>)> = sqlx::query_as(
        "SELECT request, status, body FROM idempotency_keys WHERE principal = $1 AND name = $2",
    )
    .bind(principal)
    .bind(key.as_str())
    .fetch_optional(&mut **transaction)
    .await?;
    if let Some((stored, status, body)) = found {
        return Ok(match status {
            _ if stored != request => IdempotencyState::OtherRequest,
            None => IdempotencyState::Running,
            Some(status) => IdempotencyState::Answered(StoredAnswer {
                status: rows::number(status)?,
                body,
            }),
        });
    }
    sqlx::query(
        "INSERT INTO idempotency_keys (principal, name, request, at_ms) VALUES ($1, $2, $3, $4)",
    )
    .bind(principal)
    .bind(key.as_str())
    .bind(request.as_slice())
    .bind(now.as_millisecond())
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "DELETE FROM idempotency_keys WHERE principal = $1 AND name <> $3 AND (at_ms, name) <= \
         (SELECT at_ms, name FROM idempotency_keys WHERE principal = $1 AND name <> $3 \
         ORDER BY at_ms DESC, name DESC LIMIT 1 OFFSET $2)",
    )
    .bind(principal)
    .bind(i64::from(MAX_IDEMPOTENCY_KEYS) - 1)
    .bind(key.as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(IdempotencyState::Reserved)
}

type TokenRow = (
    String,
    Vec<u8>,
    String,
    String,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
);

fn token_of_row(row: TokenRow) -> Result<OperatorToken, StoreError> {
    let (id, hash, label, grants, created, expires, revoked, last_used) = row;
    let corrupt = |what: &str| StoreError::Corrupt(format!("the {what} of an operator token"));
    Ok(OperatorToken {
        id: id.parse().map_err(|_| corrupt("id"))?,
        hash: TokenHash::from_bytes(&hash).ok_or_else(|| corrupt("hash"))?,
        label,
        grants: grants_of_text(&grants)?,
        created_at: rows::time(created)?,
        expires_at: rows::time(expires)?,
        revoked_at: revoked.map(rows::time).transpose()?,
        last_used_at: last_used.map(rows::time).transpose()?,
    })
}

fn grants_text(grants: &[RoleGrant]) -> Result<String, StoreError> {
    serde_json::to_string(grants)
        .map_err(|error| StoreError::Corrupt(format!("the roles of an operator: {error}")))
}

fn grants_of_text(text: &str) -> Result<Vec<RoleGrant>, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Corrupt(format!("the roles of an operator: {error}")))
}

const KEPT_KEYS_MS: i64 = SignedDuration::from_hours(24).as_secs() * 1000;
