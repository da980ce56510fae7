//! A private backend that remembers everything that reached it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConnection, StreamOwned};

use super::{Authority, Identity, eventually, hang, sha256, tls};

/// A backend on a port of its own.
pub(crate) struct Backend {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    received: Arc<Mutex<Vec<Received>>>,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// The request line and the headers, as they were written.
    pub(crate) head: String,
    pub(crate) body_len: usize,
    pub(crate) body_sha256: [u8; 32],
}

impl Received {
    /// The values of a header, in their order, by its name in any case.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// The one value of a header.
    pub(crate) fn header(&self, name: &str) -> &str {
        match self.headers(name).as_slice() {
            [value] => value,
            other => panic!("{name} is there {} times in\n{}", other.len(), self.head),
        }
    }

    pub(crate) fn request_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }
}

impl Backend {
    /// Answers every request with 202 and an `executionId`.
    pub(crate) fn accepting() -> Self {
        Self::answering(ACCEPTED)
    }

    /// Answers every request with these bytes, and keeps the connection.
    pub(crate) fn answering(answer: &'static [u8]) -> Self {
        Self::scripted(move |request, stream| {
            if request.is_some() {
                let _ = stream.write_all(answer);
            }
            request.is_some()
        })
    }

    /// Lets `script` deal with every request that was read (`None` when the connection has ended);
    /// the connection goes on as long as it gives true.
    pub(crate) fn scripted(
        script: impl Fn(Option<&Received>, &mut TcpStream) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::serving(move |received, mut stream| {
            loop {
                let request = read_request(&mut stream);
                if let Some(request) = &request {
                    received.lock().unwrap().push(request.clone());
                }
                if !script(request.as_ref(), &mut stream) || request.is_none() {
                    return;
                }
            }
        })
    }

    /// Accepts over TLS, and asks for a certificate of `clients` if there is one.
    pub(crate) fn over_tls(identity: &Identity, clients: Option<&Authority>) -> Self {
        let config = tls::server_config(identity, clients);
        Self::serving(move |received, stream| {
            let session = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(session, stream);
            while let Some(request) = read_request(&mut stream) {
                received.lock().unwrap().push(request);
                if stream.write_all(ACCEPTED).is_err() {
                    return;
                }
            }
        })
    }

    /// Lets `talk` deal with connections as a whole.
    pub(crate) fn raw(talk: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::serving(move |_, stream| talk(stream))
    }

    fn serving(
        serve: impl Fn(Arc<Mutex<Vec<Received>>>, TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let this = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            received: Arc::default(),
        };
        let (connections, received) = (this.connections.clone(), this.received.clone());
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                connections.fetch_add(1, Ordering::SeqCst);
                let (received, serve) = (received.clone(), serve.clone());
                thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    serve(received, stream);
                });
            }
        });
        this
    }

    /// Accepts connections and never reads from them.
    pub(crate) fn deaf() -> Self {
        Self::raw(|_stream| hang())
    }

    /// Reads every request and never answers one.
    pub(crate) fn mute() -> Self {
        Self::scripted(|_, _| hang())
    }

    /// An address where nobody listens.
    pub(crate) fn refusing() -> Self {
        // A port that is bound and not listened at refuses, and nobody else gets it.
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&any.into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        // Tests keep the address alone, too.
        std::mem::forget(socket);
        Self {
            address,
            connections: Arc::default(),
            received: Arc::default(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were opened to it.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The one request that reached it.
    pub(crate) fn only(&self) -> Received {
        match self.received().as_slice() {
            [one] => one.clone(),
            other => panic!("{} requests reached the backend", other.len()),
        }
    }

    /// Waits until that many requests have reached it.
    pub(crate) fn wait_for(&self, count: usize) {
        eventually(&format!("{count} requests reached the backend"), || {
            self.received().len() >= count
        });
    }

    /// Makes sure that not one packet reached it.
    #[track_caller]
    pub(crate) fn was_not_contacted(&self) {
        // The kernel has completed a connection before the gate can use it, and accepts them in order: when the test's own
        // connection was accepted, so was every earlier one.
        let so_far = self.connections();
        let Ok(_fence) = TcpStream::connect(self.address) else {
            return; // Nobody listens there.
        };
        eventually("the test's own connection was accepted", || {
            self.connections() > so_far
        });
        let all = self.connections.fetch_sub(1, Ordering::SeqCst);
        assert_eq!(all, 1, "the backend was contacted");
    }
}

/// The status line, the headers and the body of what the sample backend answers.
pub(crate) const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 24\r\n\
    X-Engine: sample\r\n\r\n\
    {\"executionId\":\"exec_1\"}";

fn read_request(stream: &mut impl Read) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 64 * 1024];
    let head_len = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_len]).into_owned();
    let mut body = bytes.split_off(head_len + 4);
    let mut request = Received {
        head,
        body_len: 0,
        body_sha256: [0; 32],
    };
    let len: usize = request.header("Content-Length").parse().unwrap();
    while body.len() < len {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => body.extend_from_slice(&buffer[..read]),
        }
    }
    assert_eq!(body.len(), len, "more bytes than Content-Length says");
    request.body_len = len;
    request.body_sha256 = sha256(&body);
    Some(request)
}
