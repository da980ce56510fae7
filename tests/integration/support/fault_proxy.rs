//! What stands between the gate and the key service, and does to calls what AWS and networks do.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{eventually, let_pass};

/// A proxy on a port of its own.
pub(crate) struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    behind: Mutex<Option<SocketAddr>>,
    fault: Mutex<Fault>,
    calls: Mutex<Vec<String>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

/// What becomes of a call.
#[derive(Clone, Debug, Default)]
pub(crate) enum Fault {
    /// It is passed on.
    #[default]
    None,
    /// It is passed on, later.
    Delay(Duration),
    /// The connection is closed before a byte is read.
    Refuse,
    /// It is read, and the connection is reset.
    Reset,
    /// It is read, and nothing comes back for a long time.
    Hang,
    /// Calls to decrypt are passed on when the test sets another fault. Others are passed on at once.
    HoldDecrypt,
    /// It is answered with so many bytes that mean nothing, as a success.
    Garbage,
    /// It is answered with an error of the service: the status, the code, the message.
    Error(u16, &'static str, &'static str),
    /// The same, after a while.
    LateError(Duration, u16, &'static str),
    /// So many calls of one operation are passed on, and all after them are answered with an error.
    InternalAfter(&'static str, usize),
    /// Calls of one operation are answered with an error, and others are passed on.
    ErrorTo(&'static str, u16, &'static str),
}

impl Fault {
    pub(crate) const THROTTLED: Self = Self::Error(400, "ThrottlingException", "Rate exceeded");
    pub(crate) const DENIED: Self = Self::Error(
        400,
        "AccessDeniedException",
        "User: arn:aws:iam::123456789012:user/gate is not authorized to perform: kms:Decrypt",
    );
    pub(crate) const DISABLED: Self = Self::Error(
        400,
        "DisabledException",
        "arn:aws:kms:eu-central-1:1:key/1 is disabled.",
    );
    pub(crate) const INTERNAL: Self = Self::Error(500, "KMSInternalException", "");
}

impl FaultProxy {
    /// Before `behind`, passing everything on.
    pub(crate) fn before(behind: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared::default());
        *shared.behind.lock().unwrap() = Some(behind);
        let this = Self {
            address: listener.local_addr().unwrap(),
            shared: Arc::clone(&shared),
        };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let shared = Arc::clone(&shared);
                let talk = thread::Builder::new().stack_size(256 * 1024);
                talk.spawn(move || {
                    let _ = shared.talk(stream);
                })
                .unwrap();
            }
        });
        this
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What becomes of calls from now on, those on open connections too.
    pub(crate) fn set(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// The operations that were called so far.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.shared.calls.lock().unwrap().clone()
    }

    /// How often an operation was called.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.calls().iter().filter(|it| *it == operation).count()
    }

    /// Waits until an operation was called so often.
    #[track_caller]
    pub(crate) fn wait_for(&self, operation: &str, count: usize) {
        eventually(&format!("{count} calls of {operation}"), || {
            self.count(operation) >= count
        });
    }

    /// The most calls that were under way at once.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.shared.most_in_flight.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn talk(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        if matches!(*self.fault.lock().unwrap(), Fault::Refuse) {
            return Ok(());
        }
        let mut behind: Option<TcpStream> = None;
        while let Some(call) = read_message(&mut stream)? {
            let operation = operation(&call);
            self.calls.lock().unwrap().push(operation.clone());
            let under_way = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_in_flight.fetch_max(under_way, Ordering::SeqCst);
            let answered = self.answer(&operation, &call, &mut behind);
            self.in_flight.fetch_sub(1, Ordering::SeqCst);
            match answered? {
                Some(answer) => stream.write_all(&answer)?,
                None => {
                    let socket = socket2::SockRef::from(&stream);
                    socket.set_linger(Some(Duration::ZERO))?;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The answer; `None` if the connection is to be reset.
    fn answer(
        &self,
        operation: &str,
        call: &[u8],
        behind: &mut Option<TcpStream>,
    ) -> std::io::Result<Option<Vec<u8>>> {
        let fault = self.fault.lock().unwrap().clone();
        match fault {
            Fault::None => {}
            Fault::Delay(delay) => let_pass(delay),
            Fault::HoldDecrypt if operation == "Decrypt" => {
                eventually("the test lets the call go on", || {
                    !matches!(*self.fault.lock().unwrap(), Fault::HoldDecrypt)
                });
            }
            Fault::HoldDecrypt => {}
            Fault::Refuse | Fault::Reset => return Ok(None),
            Fault::Hang => {
                // Until the test is over, or sets something else.
                eventually("the test ends the silence", || {
                    !matches!(*self.fault.lock().unwrap(), Fault::Hang)
                });
                return Ok(None);
            }
            Fault::Garbage => {
                return Ok(Some(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\xff{\"a\":]\0\x01".to_vec(),
                ));
            }
            Fault::Error(status, code, message) => return Ok(Some(error(status, code, message))),
            Fault::LateError(delay, status, code) => {
                let_pass(delay);
                return Ok(Some(error(status, code, "")));
            }
            Fault::InternalAfter(of, count) => {
                let calls = self.calls.lock().unwrap();
                if calls.iter().filter(|it| *it == of).count() > count {
                    return Ok(Some(error(500, "KMSInternalException", "")));
                }
            }
            Fault::ErrorTo(of, status, code) => {
                if of == operation {
                    return Ok(Some(error(status, code, "")));
                }
            }
        }
        let address = self.behind.lock().unwrap().expect("a service");
        let stream = match behind {
            Some(stream) => stream,
            None => behind.insert(TcpStream::connect(address)?),
        };
        stream.write_all(call)?;
        match read_message(stream)? {
            Some(answer) => {
                // moto closes after each answer.
                *behind = None;
                Ok(Some(answer))
            }
            None => Ok(None),
        }
    }
}

fn error(status: u16, code: &str, message: &str) -> Vec<u8> {
    let body = serde_json::json!({"__type": code, "message": message}).to_string();
    format!(
        "HTTP/1.1 {status} Fault\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// `Decrypt` of `X-Amz-Target: TrentService.Decrypt`.
fn operation(call: &[u8]) -> String {
    let head = String::from_utf8_lossy(call);
    let target = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("x-amz-target"));
    let target = target.map_or("", |(_, value)| value.trim());
    target.rsplit('.').next().unwrap_or_default().to_owned()
}

/// A request or an answer with a length, whole; `None` if the connection has ended.
fn read_message(stream: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(end) = message.windows(4).position(|it| it == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&message[..end]).to_lowercase();
            let len = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .map_or(0, |len| len.trim().parse::<usize>().unwrap());
            if message.len() >= end + 4 + len {
                return Ok(Some(message));
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            read => message.extend_from_slice(&buffer[..read]),
        }
    }
}
