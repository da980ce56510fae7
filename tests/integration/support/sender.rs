//! Senders: they write bytes to a socket and read what comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use rustls::{ClientConnection, StreamOwned};

use super::{PATIENCE, found, tls};

/// A connection to the gate.
pub(crate) struct Connection {
    stream: Box<dyn ReadWrite>,
    socket: TcpStream,
    unread: Vec<u8>,
}

trait ReadWrite: Read + Write + Send {}
impl<S: Read + Write + Send> ReadWrite for S {}

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self::try_to(address).unwrap()
    }

    /// The same, or `None` if nobody listens any more.
    pub(crate) fn try_to(address: SocketAddr) -> Option<Self> {
        let socket = connect(address)?;
        Some(Self {
            stream: Box::new(socket.try_clone().unwrap()),
            socket,
            unread: Vec::new(),
        })
    }

    /// The same over TLS, which trusts `authority` (PEM).
    pub(crate) fn over_tls(address: SocketAddr, authority: &str) -> Self {
        Self::over_tls_with(address, authority, &[])
    }

    /// The same, offering `protocols` by ALPN.
    pub(crate) fn over_tls_with(address: SocketAddr, authority: &str, protocols: &[&[u8]]) -> Self {
        let socket = connect(address).unwrap();
        let name = "portal.example.com".try_into().unwrap();
        let config = tls::client_config(authority, protocols);
        let session = ClientConnection::new(config.into(), name).unwrap();
        Self {
            stream: Box::new(StreamOwned::new(session, socket.try_clone().unwrap())),
            socket,
            unread: Vec::new(),
        }
    }

    /// Writes bytes. A gate that has closed already is no error here: its answer is what counts.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> &mut Self {
        let _ = self.stream.write_all(bytes);
        self
    }

    /// Ends the sending side.
    pub(crate) fn half_close(&mut self) -> &mut Self {
        let _ = self.socket.shutdown(Shutdown::Write);
        self
    }

    /// The next answer, or `None` if the connection ends without one.
    pub(crate) fn try_answer(&mut self) -> Option<Answer> {
        let head_len = loop {
            if let Some(end) = self.unread.windows(4).position(|w| w == b"\r\n\r\n") {
                break end;
            }
            if !self.read_more() {
                return None;
            }
        };
        let head = String::from_utf8(self.unread[..head_len].to_vec()).unwrap();
        self.unread.drain(..head_len + 4);
        let mut answer = Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            body: Vec::new(),
        };
        if answer.status == 100 {
            return Some(answer);
        }
        if let Some(len) = answer.try_header("content-length") {
            let len: usize = len.parse().unwrap();
            while self.unread.len() < len && self.read_more() {}
            assert!(self.unread.len() >= len, "the answer was cut off");
            answer.body = self.unread.drain(..len).collect();
        } else if answer.try_header("transfer-encoding") == Some("chunked") {
            answer.body = self.read_chunks();
        } else {
            while self.read_more() {}
            answer.body = std::mem::take(&mut self.unread);
        }
        Some(answer)
    }

    /// The next answer.
    #[track_caller]
    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer().expect("an answer before the end")
    }

    /// The next answer to a request with `method`, minding those that never have a body.
    #[track_caller]
    pub(crate) fn answer_to(&mut self, method: &str) -> Answer {
        let answer = self.answer_without_body();
        let head_len = answer.head.len() + 4;
        if method == "HEAD" || matches!(answer.status, 204 | 304) {
            self.unread.drain(..head_len);
            return answer;
        }
        self.answer()
    }

    /// What comes next, or `None` at the end of the connection.
    pub(crate) fn some(&mut self) -> Option<Vec<u8>> {
        if self.unread.is_empty() && !self.read_more() {
            return None;
        }
        Some(std::mem::take(&mut self.unread))
    }

    /// Everything until the end of the connection.
    pub(crate) fn everything(&mut self) -> Vec<u8> {
        while self.read_more() {}
        std::mem::take(&mut self.unread)
    }

    /// The head of the next answer, which stays to be read.
    #[track_caller]
    pub(crate) fn answer_without_body(&mut self) -> Answer {
        while !self.unread.windows(4).any(|window| window == b"\r\n\r\n") {
            assert!(self.read_more(), "an answer before the end");
        }
        let end = self
            .unread
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(self.unread[..end].to_vec()).unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            body: Vec::new(),
        }
    }

    /// Whether the gate ends the connection, with nothing more to say.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.unread.is_empty() && !self.read_more()
    }

    /// Whether the connection has ended; what is still said is not looked at.
    pub(crate) fn is_closed_after_noise(&mut self) -> bool {
        self.unread.clear();
        !self.read_more()
    }

    /// Whether the gate has ended the connection or said something, without waiting for it.
    pub(crate) fn has_ended(&mut self) -> bool {
        let mut byte = [0];
        self.socket.set_nonblocking(true).unwrap();
        let peeked = self.socket.peek(&mut byte);
        self.socket.set_nonblocking(false).unwrap();
        !matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Whether the gate has closed the connection, without waiting for it; what it says is read.
    pub(crate) fn is_over(&mut self) -> bool {
        let mut buffer = [0; 4096];
        self.socket.set_nonblocking(true).unwrap();
        let read = self.stream.read(&mut buffer);
        self.socket.set_nonblocking(false).unwrap();
        match read {
            Ok(0) => true,
            Ok(read) => {
                self.unread.extend_from_slice(&buffer[..read]);
                false
            }
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    /// Whether the connection ends in the middle of an answer with a length.
    pub(crate) fn ends_before_the_answer_is_whole(&mut self) -> bool {
        let head = self.answer_without_body();
        let len: usize = head.header("content-length").parse().unwrap();
        let head_len = head.head.len() + 4;
        while self.unread.len() < head_len + len {
            if !self.read_more() {
                return true;
            }
        }
        false
    }

    /// Whether the connection ends without an orderly end: TCP was reset, or TLS ended without `close_notify`.
    pub(crate) fn ends_abruptly(&mut self) -> bool {
        let mut buffer = [0; 64 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => {
                    return matches!(
                        error.kind(),
                        ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
                    );
                }
            }
        }
    }

    fn read_chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(end) = self.unread.windows(2).position(|w| w == b"\r\n") {
                    break end;
                }
                assert!(self.read_more(), "the answer was cut off");
            };
            let len = usize::from_str_radix(std::str::from_utf8(&self.unread[..end]).unwrap(), 16);
            let len = len.unwrap();
            self.unread.drain(..end + 2);
            while self.unread.len() < len + 2 {
                assert!(self.read_more(), "the answer was cut off");
            }
            body.extend(self.unread.drain(..len));
            self.unread.drain(..2);
            if len == 0 {
                return body;
            }
        }
    }

    /// False at the end of the connection, whether it was closed or reset.
    fn read_more(&mut self) -> bool {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                self.unread.extend_from_slice(&buffer[..read]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the gate said nothing more and kept the connection open");
            }
            Err(_) => false,
        }
    }
}

fn connect(address: SocketAddr) -> Option<TcpStream> {
    let socket = TcpStream::connect(address).ok()?;
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Some(socket)
}

/// An answer of the gate's.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn try_header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.try_header(name)
            .unwrap_or_else(|| panic!("no {name} in\n{}", self.head))
    }

    /// What the contract calls the reason.
    #[track_caller]
    pub(crate) fn reason(&self) -> &str {
        self.header("portcullis-reason")
    }
}

/// A request in the making.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    line: String,
    headers: String,
    body: Vec<u8>,
    framed: bool,
}

impl Request {
    pub(crate) fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self {
            line: format!("{method} {path} HTTP/1.1\r\nHost: portal.example.com\r\n"),
            headers: String::new(),
            body: Vec::new(),
            framed: false,
        }
    }

    /// Speaks to another host.
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.line = self.line.replacen("portal.example.com", host, 1);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// The body, with its length.
    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self.framed = true;
        let len = self.body.len();
        self.header("Content-Length", &len.to_string())
    }

    /// The body in chunks of `len` bytes.
    pub(crate) fn chunked(mut self, body: &[u8], len: usize) -> Self {
        let mut framed = Vec::with_capacity(body.len() + 64);
        for chunk in body.chunks(len) {
            framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            framed.extend_from_slice(chunk);
            framed.extend_from_slice(b"\r\n");
        }
        framed.extend_from_slice(b"0\r\n\r\n");
        self.body = framed;
        self.framed = true;
        self.header("Transfer-Encoding", "chunked")
    }

    /// Without a length of its own: the test has said what there is to say.
    pub(crate) fn framed(mut self) -> Self {
        self.framed = true;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Only the head.
    pub(crate) fn head(&self) -> Vec<u8> {
        let length = if self.framed {
            ""
        } else {
            "Content-Length: 0\r\n"
        };
        format!("{}{}{length}\r\n", self.line, self.headers).into_bytes()
    }
}

/// Sends a request as a provider does: again while the gate answers 503.
///
/// For gates with short time-outs: on a busy machine such a gate may find a healthy store, Redis or key service too slow.
#[track_caller]
pub(crate) fn settled(gate: SocketAddr, request: &Request) -> Answer {
    found("an answer other than 503", || {
        let answer = send(gate, request);
        (answer.status != 503).then_some(answer)
    })
}

/// Sends one request over a connection of its own.
#[track_caller]
pub(crate) fn send(gate: SocketAddr, request: &Request) -> Answer {
    Connection::to(gate).write(&request.bytes()).answer()
}
