//! The admin listener: health, readiness and metrics on an address of its own, loopback by default.

mod guard;
mod key_service;
mod readiness;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use self::guard::AllowedHosts;
pub use self::key_service::{KeyServiceCheck, SecretGrace};
pub use self::readiness::Readiness;
use crate::telemetry::Telemetry;

/// The admin listener.
pub struct Admin {
    /// The readiness check behind `/readyz`.
    pub readiness: Readiness,
    /// The metrics behind `/metrics`.
    pub telemetry: Arc<Telemetry>,
    /// The host names that requests may use.
    pub allowed_hosts: AllowedHosts,
}

impl Admin {
    /// Serves on `listener` until `shutdown` turns true.
    pub async fn run(
        self: Arc<Self>,
        listener: TcpListener,
        mut shutdown: watch::Receiver<bool>,
    ) -> std::io::Result<()> {
        let admin = self;
        let router = Router::new()
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .layer(axum::middleware::from_fn_with_state(
                Arc::clone(&admin),
                guard::require_allowed_host,
            ))
            .with_state(admin);
        axum::serve(listener, router)
            .with_graceful_shutdown(async move {
                // An error means that the sender is dropped because the process ends.
                let _ = shutdown.wait_for(|ending| *ending).await;
            })
            .await
    }
}

async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    let report = admin.readiness.check().await;
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = serde_json::to_string(&report).unwrap_or_default() + "\n";
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    match admin.telemetry.metrics().to_text() {
        Ok(text) => ([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The text format of Prometheus, version 0.0.4.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
