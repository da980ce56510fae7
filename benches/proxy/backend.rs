//! The backend: takes any request and answers 202, as cheaply as it can.

use std::process::ExitCode;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves until it is killed; prints its address first.
pub(crate) fn serve() -> ExitCode {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
            println!("{}", listener.local_addr().expect("an address"));
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream));
            }
        });
    ExitCode::SUCCESS
}

async fn connection(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(256 * 1024);
    loop {
        let Some((head, len)) = read_head(&mut stream, &mut buffer).await else {
            return;
        };
        let mut missing = (head + len).saturating_sub(buffer.len());
        buffer.clear();
        while missing > 0 {
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(read) => missing = missing.saturating_sub(read),
            }
            buffer.clear();
        }
        if stream.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}

/// The length of the head and of the body that follows it.
async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(usize, usize)> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(buffer.get(..end)?).to_ascii_lowercase();
            let len = head
                .split("\r\n")
                .find_map(|line| line.strip_prefix("content-length:"))
                .and_then(|value| value.trim().parse().ok())
                .unwrap_or(0);
            return Some((end + 4, len));
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

const ANSWER: &[u8] = b"HTTP/1.1 202 Accepted\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 27\r\n\r\n\
    {\"executionId\":\"exec_0001\"}";
