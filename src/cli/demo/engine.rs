//! The private backend of the demonstration: a sample workflow engine.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

/// Responds to every request with 202 and an execution id, and records the request.
pub(super) struct Engine {
    address: SocketAddr,
    received: Arc<Mutex<Vec<EngineRequest>>>,
}

/// A request as the backend received it.
#[derive(Clone, Debug)]
pub(super) struct EngineRequest {
    pub(super) path: String,
    pub(super) organisation: String,
    pub(super) endpoint: String,
    pub(super) len: usize,
    pub(super) sha256: [u8; 32],
}

impl Engine {
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let received = Arc::new(Mutex::new(Vec::new()));
        let app = Router::new()
            .fallback(execute)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(Arc::clone(&received));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { address, received })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes the requests since the last call.
    pub(super) fn take_received(&self) -> Vec<EngineRequest> {
        std::mem::take(&mut *self.received.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn execute(
    State(received): State<Arc<Mutex<Vec<EngineRequest>>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let answer = format!(
        "{{\"executionId\":\"exec_{}\",\"status\":\"accepted\"}}\n",
        uuid::Uuid::now_v7().simple()
    );
    received
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(EngineRequest {
            path: uri.path().to_owned(),
            organisation: text("x-portal-org-id"),
            endpoint: text("x-portal-endpoint-id"),
            len: body.len(),
            sha256: Sha256::digest(&body).into(),
        });
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::ACCEPTED, content_type, answer).into_response()
}
