//! A store of the version before kinds of keys and generations, brought up to date by the start of this one.
//!
//! The old store is made by the migrations of that version. Its rows are those of today without the columns that came
//! later: definitions, documents and ciphertexts are written as they were then.

use std::os::unix::fs::OpenOptionsExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::flows::ORDERS;
use crate::stores::blocking;
use crate::support::*;

const TELNYX: &str = "workflows/telnyx";
const DISCORD: &str = "workflows/discord";
const BEARER: &str = "workflows/bearer";
const GITHUB: &str = "workflows/github";
const LIVE: &str = "/api/flows/orders/interfaces/live/order-webhook";
const DRAFT: &str = "/api/flows/orders/interfaces/draft/order-webhook";
const FLOW_SECRET: &str = "the secret of the flow's orders";

/// What is left of the secrets' values, for whoever plays the senders.
struct Senders {
    provider: Ed25519KeyPair,
    before_rotation: String,
    hmac: String,
    github: String,
    bearer: String,
}

impl Senders {
    /// Makes endpoints with secrets of all three kinds, and a flow with a draft and a target.
    fn provided(gate: &Gate) -> Self {
        let provider = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let owner = ["--organisation", "acme", "--workspace", "main"];
        let create = |id: &str, options: &[&str]| {
            gate.run(&[&["endpoint", "create", id], &owner[..], options].concat())
                .succeeded();
        };
        create(ID, &["--mode", "hmac"]);
        create(GITHUB, &["--mode", "provider", "--preset", "github"]);
        create(BEARER, &["--mode", "bearer"]);
        create(TELNYX, &["--mode", "provider", "--preset", "telnyx"]);
        create(DISCORD, &["--mode", "provider", "--preset", "discord"]);
        let public = provider.public_key().as_ref();
        for (id, key) in [
            (TELNYX, STANDARD.encode(public)),
            (DISCORD, hex::encode(public)),
        ] {
            gate.run_with_input(&["secret", "set", id], key.as_bytes())
                .succeeded();
        }
        let flow = ORDERS.replace(":enabled true", ":enabled true :draft-auth :interface");
        let path = gate.file("orders.edn", flow);
        let apply = ["apply", "-f", path.to_str().unwrap(), "--target", "live"];
        gate.run(&[&apply[..], &owner].concat()).succeeded();
        for scope in ["flows/orders/live", "flows/orders/draft"] {
            let bind = ["secret", "bind", scope, "webhook-signing-secret"];
            gate.run_with_input(&bind, FLOW_SECRET.as_bytes())
                .succeeded();
        }
        let before_rotation = gate.secret(ID);
        gate.run(&["secret", "rotate", "--yes", ID, "--overlap", "24h"])
            .succeeded();
        Self {
            provider,
            before_rotation,
            hmac: gate.secret(ID),
            github: gate.secret(GITHUB),
            bearer: gate.secret(BEARER),
        }
    }

    /// One genuine delivery of each; no two are the same.
    fn deliveries(&self) -> Vec<(&'static str, Request)> {
        let now = jiff::Timestamp::now().as_second();
        let body = || format!(r#"{{"order-id": "{}"}}"#, uuid::Uuid::now_v7());
        let hub = |path: &str, secret: &str| {
            let body = body();
            Request::post(path)
                .header(
                    "X-Hub-Signature-256",
                    &github_signature(secret, body.as_bytes()),
                )
                .body(body)
        };
        let stripe = |path: &str| {
            let body = body();
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, FLOW_SECRET.as_bytes());
            let code = ring::hmac::sign(&key, format!("{now}.{body}").as_bytes());
            Request::post(path)
                .header(
                    "Stripe-Signature",
                    &format!("t={now},v1={}", hex::encode(code)),
                )
                .body(body)
        };
        let telnyx = body();
        let discord = body();
        let sign = |message: String| self.provider.sign(message.as_bytes());
        let telnyx_signature = STANDARD.encode(sign(format!("{now}|{telnyx}")));
        let discord_signature = hex::encode(sign(format!("{now}{discord}")));
        let path = |id: &str| format!("/webhooks/ai/{id}");
        vec![
            ("shared", hub(PATH, &self.hmac)),
            (
                "shared, until the overlap ends",
                hub(PATH, &self.before_rotation),
            ),
            ("shared, of a preset", hub(&path(GITHUB), &self.github)),
            (
                "token",
                Request::post(&path(BEARER))
                    .header("Authorization", &format!("Bearer {}", self.bearer))
                    .body(body()),
            ),
            (
                "public",
                Request::post(&path(TELNYX))
                    .header("telnyx-signature-ed25519", &telnyx_signature)
                    .header("telnyx-timestamp", &now.to_string())
                    .body(telnyx),
            ),
            (
                "public, in hexadecimal",
                Request::post(&path(DISCORD))
                    .header("X-Signature-Ed25519", &discord_signature)
                    .header("X-Signature-Timestamp", &now.to_string())
                    .body(discord),
            ),
            ("live", stripe(LIVE)),
            ("draft", stripe(DRAFT)),
        ]
    }

    #[track_caller]
    fn are_admitted(&self, gate: &Gate) {
        for (what, request) in self.deliveries() {
            let answer = send(gate.http(), &request);
            assert_eq!(answer.status, 202, "{what}: {}", answer.head);
        }
    }
}

/// The migrations of an engine, of which the old version had the first ones.
async fn migrations(engine: &str) -> Migrator {
    let all = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/migrations");
    Migrator::new(std::path::Path::new(all).join(engine))
        .await
        .unwrap()
}

/// The tables that both versions have, what others refer to first.
const TABLES: [&str; 12] = [
    "endpoints",
    "aliases",
    "secret_versions",
    "audit",
    "audit_end",
    "changes",
    "secret_uses",
    "flows",
    "flow_versions",
    "flow_targets",
    "flow_moves",
    "tokens",
];

/// The statements that copy the rows of `newer` into the tables of the old version, whose columns are given.
fn copied(columns: &[(String, String)], old: &str) -> String {
    let copy = |table: &&str| {
        let own = columns.iter().filter(|(of, _)| of == table);
        let names: Vec<&str> = own.map(|(_, column)| column.as_str()).collect();
        assert!(!names.is_empty(), "{table}");
        let names = names.join(", ");
        format!("INSERT INTO {old}.{table} ({names}) SELECT {names} FROM newer.{table};")
    };
    TABLES.iter().map(copy).collect()
}

fn lacks_what_came_later(columns: &[(String, String)]) {
    for column in ["kind", "challenges", "generation"] {
        let found = |table: &str| columns.contains(&(table.to_owned(), column.to_owned()));
        assert!(!found("secret_versions") && !found("endpoints"), "{column}");
    }
}

/// What the migrations have made of the secrets and endpoints.
type Migrated = (Vec<(String, i64, Option<String>)>, Vec<(String, i64)>, i64);

const KINDS: &str = "SELECT scope || '#' || slot, version, kind FROM secret_versions ORDER BY 1, 2";
const GENERATIONS: &str = "SELECT id, generation FROM endpoints ORDER BY 1";
const APPLIED: &str = "SELECT count(*) FROM _sqlx_migrations";

#[track_caller]
fn is_up_to_date(migrated: &Migrated) {
    let (kinds, generations, _) = migrated;
    assert_eq!(kinds.len(), 8, "{kinds:?}");
    for (secret, version, kind) in kinds {
        let expected = match &**secret {
            "workflows/telnyx#webhook" | "workflows/discord#webhook" => "public",
            "workflows/bearer#webhook" => "token",
            _ => "shared",
        };
        assert_eq!(kind.as_deref(), Some(expected), "{secret} {version}");
    }
    let numbers: std::collections::BTreeSet<i64> =
        generations.iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers.len(), generations.len(), "{generations:?}");
    assert!(!numbers.contains(&0), "{generations:?}");
}

/// Starts the gate on the old store twice, and looks at the store in between.
fn upgraded(mut gate: Gate, senders: &Senders, backend: &Backend, look: impl Fn() -> Migrated) {
    gate.restart();
    let first = look();
    is_up_to_date(&first);
    senders.are_admitted(&gate);
    let admitted = backend.received().len();
    assert_eq!(admitted, senders.deliveries().len());
    // Nobody signs with the public key.
    let text = STANDARD.encode(senders.provider.public_key().as_ref());
    let update = ["endpoint", "update", TELNYX, "--mode", "hmac"];
    let answer = gate.run(&update);
    assert!(!answer.stderr.is_empty(), "{answer:?}");
    let forged = Request::post("/webhooks/ai/workflows/telnyx")
        .header("X-Hub-Signature-256", &github_signature(&text, b"{}"))
        .body("{}");
    assert_eq!(send(gate.http(), &forged).status, 401);
    assert_eq!(backend.received().len(), admitted);
    gate.restart();
    assert_eq!(look(), first);
    senders.are_admitted(&gate);
    gate.run(&["audit", "verify"]).succeeded();
}

#[test]
fn a_file_from_before_kinds_and_generations_admits_what_it_admitted() {
    if std::env::var_os("PORTCULLIS_TEST_STORE").is_some() {
        return;
    }
    let backend = Backend::accepting();
    let gate = Gate::before(&backend);
    let senders = Senders::provided(&gate);
    let store = gate.folder().join("portcullis.db");
    let newer = gate.folder().join("newer.db");
    sqlite(&gate, &format!("VACUUM INTO '{}'", newer.display()));
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(gate.folder().join(format!("portcullis.db{end}")));
    }
    let mut options = std::fs::OpenOptions::new();
    let made = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&store);
    drop(made.unwrap());
    let url = format!("sqlite://{}", store.display());
    blocking(async {
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        let migrations = migrations("sqlite").await;
        migrations.run_to(6, &mut connection).await.unwrap();
        let columns: Vec<(String, String)> = sqlx::query_as(
            "SELECT m.name, c.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table'",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        lacks_what_came_later(&columns);
        let copy = format!(
            "ATTACH '{}' AS newer; {}",
            newer.display(),
            copied(&columns, "main")
        );
        let copy = sqlx::raw_sql(AssertSqlSafe(copy));
        copy.execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    upgraded(gate, &senders, &backend, || {
        blocking(async {
            let mut connection = SqliteConnection::connect(&url).await.unwrap();
            let kinds = sqlx::query_as(KINDS).fetch_all(&mut connection).await;
            let generations = sqlx::query_as(GENERATIONS).fetch_all(&mut connection).await;
            let applied = sqlx::query_scalar(APPLIED).fetch_one(&mut connection).await;
            connection.close().await.unwrap();
            (kinds.unwrap(), generations.unwrap(), applied.unwrap())
        })
    });
}

#[test]
fn a_database_from_before_kinds_and_generations_admits_what_it_admitted() {
    let database = Postgres::start();
    let backend = Backend::accepting();
    let gate = Gate::before(&backend).without("store").on(&database);
    let senders = Senders::provided(&gate);
    database.run("ALTER SCHEMA public RENAME TO newer; CREATE SCHEMA public");
    let url = database.url_with_password();
    blocking(async {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let migrations = migrations("postgres").await;
        migrations.run_to(3, &mut connection).await.unwrap();
        let columns: Vec<(String, String)> = sqlx::query_as(
            "SELECT table_name::text, column_name::text FROM information_schema.columns \
             WHERE table_schema = 'public'",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        lacks_what_came_later(&columns);
        let copy = format!("{} DROP SCHEMA newer CASCADE", copied(&columns, "public"));
        let copy = sqlx::raw_sql(AssertSqlSafe(copy));
        copy.execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    upgraded(gate, &senders, &backend, || {
        blocking(async {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let kinds = sqlx::query_as(KINDS).fetch_all(&mut connection).await;
            let generations = sqlx::query_as(GENERATIONS).fetch_all(&mut connection).await;
            let applied = sqlx::query_scalar(APPLIED).fetch_one(&mut connection).await;
            connection.close().await.unwrap();
            (kinds.unwrap(), generations.unwrap(), applied.unwrap())
        })
    });
}
