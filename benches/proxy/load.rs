//! The load: a fixed number of requests over 64 connections, each waiting for its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends `count` requests, each with an id of its own. Any answer but 202 ends the benchmark.
pub(crate) fn run(address: SocketAddr, request: &[u8], count: usize) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(async {
            let request: Arc<[u8]> = request.into();
            let left = Arc::new(AtomicUsize::new(count));
            let connections: Vec<_> = (0..CONNECTIONS)
                .map(|_| tokio::spawn(connection(address, Arc::clone(&request), Arc::clone(&left))))
                .collect();
            for connection in connections {
                connection.await.expect("a connection that worked");
            }
        });
}

async fn connection(address: SocketAddr, request: Arc<[u8]>, left: Arc<AtomicUsize>) {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket option");
    let mut answer = Vec::with_capacity(4096);
    let mut request = request.to_vec();
    let id = request.windows(ID.len()).position(|part| part == ID);
    let id = id.map(|at| at..at + ID.len());
    let take = || {
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        })
    };
    while take().is_ok() {
        if let Some(part) = id.clone().and_then(|id| request.get_mut(id)) {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            part.copy_from_slice(format!("{number:012x}").as_bytes());
        }
        stream
            .write_all(&request)
            .await
            .expect("the request to be taken");
        answer.clear();
        while !is_whole(&answer) {
            let read = stream.read_buf(&mut answer).await.expect("an answer");
            assert!(read > 0, "the connection was closed");
        }
        assert!(
            answer.starts_with(b"HTTP/1.1 202"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
}

fn is_whole(answer: &[u8]) -> bool {
    answer.ends_with(b"}")
}

const CONNECTIONS: usize = 64;
/// The part of the delivery's id that is replaced: the same id again would be a duplicate.
const ID: &[u8] = b"4c9367dc0958";
static NEXT: AtomicU64 = AtomicU64::new(0);
