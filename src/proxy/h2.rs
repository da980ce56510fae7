//! One HTTP/2 connection: its preface under a deadline, its streams side by side.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::server::Connection;
use http::header;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::{
    H2Accept, HttpSession, default_h2_options, handshake,
};
use pingora_core::protocols::{Digest, Stream};
use pingora_core::server::ShutdownWatch;
use tokio_util::task::TaskTracker;

use super::body::H2Body;
use super::delivery::{Delivery, Origin};
use super::head::RequestHead;
use super::raw_head::length_of;
use super::respond::{self, Stamp};
use crate::gate::Reason;

/// Serves a connection until one side has had enough.
pub(super) async fn serve(
    delivery: &Arc<Delivery>,
    stream: Stream,
    origin: Origin,
    shutdown: &ShutdownWatch,
) {
    let settings = delivery.settings();
    let digest = Arc::new(Digest {
        ssl_digest: stream.get_ssl_digest(),
        timing_digest: stream.get_timing_digest(),
        proxy_digest: stream.get_proxy_digest(),
        socket_digest: stream.get_socket_digest(),
    });
    // From Pingora's bounds: without them a header list may grow without limit.
    let mut options = default_h2_options();
    options.max_concurrent_streams(MAX_STREAMS);
    options.max_header_list_size(u32::try_from(settings.head_limits.bytes).unwrap_or(u32::MAX));
    let shaking_hands = handshake(stream, Some(options));
    let Ok(Ok(mut connection)) = tokio::time::timeout(settings.head_timeout, shaking_hands).await
    else {
        return;
    };

    let streams = TaskTracker::new();
    accept(
        delivery,
        &mut connection,
        &digest,
        origin,
        shutdown,
        &streams,
    )
    .await;
    drop(connection);
    // A delivery that was admitted goes on without its sender, and this connection counts until then.
    streams.close();
    streams.wait().await;
}

/// Takes streams until one side has had enough, or the process is to end.
async fn accept(
    delivery: &Arc<Delivery>,
    connection: &mut Connection<Stream, Bytes>,
    digest: &Arc<Digest>,
    origin: Origin,
    shutdown: &ShutdownWatch,
    streams: &TaskTracker,
) {
    let mut ending = shutdown.clone();
    let mut rejected = 0;
    loop {
        let accepted = tokio::select! {
            biased;
            () = async { drop(ending.wait_for(|ending| *ending).await) } => break,
            accepted = HttpSession::from_h2_conn(connection, Arc::clone(digest)) => accepted,
            () = tokio::time::sleep(delivery.settings().keep_alive), if streams.is_empty() => return,
            () = idle_again(streams), if !streams.is_empty() => continue,
        };
        match accepted {
            Ok(Some(H2Accept::Session(session))) => {
                let delivery = Arc::clone(delivery);
                streams.spawn(async move {
                    one(&delivery, ServerSession::new_http2(session), origin).await;
                });
            }
            // Pingora counts rejected requests only inside its own loop, which has no deadlines.
            Ok(Some(H2Accept::Rejected)) => {
                rejected += 1;
                if rejected >= MAX_REJECTED {
                    return;
                }
            }
            Ok(None) | Err(_) => return,
        }
    }
    say_goodbye(connection, digest, streams).await;
}

/// Lets the streams end that were begun. Others are refused, which tells their senders that nothing
/// was done (RFC 9113 §8.7); nobody has to acknowledge the goodbye.
async fn say_goodbye(
    connection: &mut Connection<Stream, Bytes>,
    digest: &Arc<Digest>,
    streams: &TaskTracker,
) {
    connection.graceful_shutdown();
    streams.close();
    // What the streams have left behind needs a moment to be sent.
    let ended = async {
        streams.wait().await;
        tokio::time::sleep(GOODBYE).await;
    };
    let refusing = async {
        while let Ok(Some(accepted)) =
            HttpSession::from_h2_conn(connection, Arc::clone(digest)).await
        {
            if let H2Accept::Session(mut session) = accepted {
                session.shutdown_with_reason(h2::Reason::REFUSED_STREAM);
            }
        }
    };
    tokio::select! {
        () = ended => {}
        () = refusing => {}
    }
}

/// Serves one request.
async fn one(delivery: &Delivery, mut session: ServerSession, origin: Origin) {
    let settings = delivery.settings();
    let head = match RequestHead::from_h2(session.req_header(), settings.head_limits) {
        Ok(head) => head,
        Err(fault) => {
            let id = delivery.record_bad_head(origin, &fault.to_string());
            let stamp = Stamp::new(settings, &id);
            session.set_write_timeout(Some(settings.send_timeout));
            respond::write(&mut session, &Reason::BadRequest.into(), &stamp).await;
            return;
        }
    };
    // The library holds a sender to the length that it announces.
    let announced = if session.is_body_empty() {
        Some(0)
    } else {
        let length = head.headers.get(header::CONTENT_LENGTH);
        length.and_then(|length| length_of(length.as_bytes()))
    };
    let fault = head.waits().err();
    let mut body = H2Body::new(&mut session, announced);
    let judged = delivery.judge(&head, fault, &mut body, origin).await;
    if delivery.answer(&mut session, &head, judged, origin).await {
        // Nothing is left to be done if the sender has gone.
        let _ = session.finish().await;
    } else {
        session.shutdown().await;
    }
}

/// Waits until no stream is left, so that the idle time begins anew.
async fn idle_again(streams: &TaskTracker) {
    while !streams.is_empty() {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

const GOODBYE: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const MAX_REJECTED: u32 = 32;
const MAX_STREAMS: u32 = 100;
