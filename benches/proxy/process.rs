//! The processes of the benchmark: started, pinned, measured, and ended.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that listens.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    /// Where it serves metrics, if it is a gate.
    pub(crate) admin: Option<SocketAddr>,
    /// Where it speaks TLS, if it does.
    pub(crate) https: Option<SocketAddr>,
    secret: String,
    child: Child,
}

impl Proxy {
    /// The CPU seconds that it has used, in user mode and in the kernel.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let ticks: u64 = self
            .proc("stat")
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().skip(11).take(2))
            .into_iter()
            .flatten()
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let seconds = ticks as f64 / CLOCK_TICKS;
        seconds
    }

    /// Its resident memory.
    pub(crate) fn resident_kb(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most that it ever was.
    pub(crate) fn peak_kb(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// The bytes that it has leased for senders.
    pub(crate) fn leased_kb(&self) -> u64 {
        let admin = self.admin.expect("a gate");
        let mut scrape = TcpStream::connect(admin).expect("the admin listener");
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
        scrape.write_all(request.as_bytes()).expect("a request");
        let mut text = String::new();
        scrape.read_to_string(&mut text).expect("metrics");
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix("portcullis_memory_leased_bytes "));
        let bytes = value.and_then(|value| value.trim().parse::<u64>().ok());
        bytes.expect("the metric") / 1024
    }

    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    fn status(&self, field: &str) -> u64 {
        self.proc("status")
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .and_then(|value| value.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    }

    fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(path).unwrap_or_default()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn backend() -> Proxy {
    let mut child = pinned(OTHERS, &own_program())
        .arg("backend")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the backend");
    let line = first_line(&mut child);
    ready(
        child,
        line.trim().parse().expect("an address"),
        String::new(),
    )
}

pub(crate) fn bare(backend: SocketAddr) -> Proxy {
    let port = free_port();
    let child = pinned(PROXY, &own_program())
        .args(["bare", &port.to_string()])
        .env("BENCH_BACKEND", backend.to_string())
        .stdout(Stdio::null())
        .spawn()
        .expect("the bare proxy");
    ready(
        child,
        SocketAddr::from(([127, 0, 0, 1], port)),
        String::new(),
    )
}

/// The real program, as people run it: its access log included.
pub(crate) fn portcullis(folder: &Path, backend: SocketAddr) -> Proxy {
    portcullis_with(folder, backend, "")
}

/// The same with a TLS listener, and with senders that may be silent for as long as the benchmark takes.
pub(crate) fn portcullis_with_tls(folder: &Path, backend: SocketAddr) -> Proxy {
    let names = vec!["portal.example.com".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let write = |file: &str, text: String| {
        std::fs::write(folder.join(file), text).expect("a file");
    };
    write("portal.pem", made.cert.pem());
    write("portal-key.pem", made.signing_key.serialize_pem());
    let https = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let more = format!(
        "https = \"{https}\"\ncertificate = \"portal.pem\"\nprivate_key = \"portal-key.pem\"\n\
         head_timeout = \"10m\"\n[bodies]\ntimeout = \"10m\"\n"
    );
    let mut proxy = portcullis_with(folder, backend, &more);
    proxy.https = Some(https);
    proxy
}

fn portcullis_with(folder: &Path, backend: SocketAddr, more: &str) -> Proxy {
    let port = free_port();
    let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let config = folder.join("portcullis.toml");
    std::fs::write(
        &config,
        format!(
            "[server]\nthreads = 1\n[public]\nhttp = \"127.0.0.1:{port}\"\n\
             {more}[admin]\nlisten = \"{admin}\"\n[upstreams.default]\naddresses = [\"{backend}\"]\n"
        ),
    )
    .expect("a configuration");
    let program = env!("CARGO_BIN_EXE_portcullis");
    let run = |words: &[&str]| {
        let output = Command::new(program)
            .arg("--config")
            .arg(&config)
            .args(words)
            .output()
            .expect("the command line");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let id = "workflows/bench";
    run(&[
        "endpoint",
        "create",
        id,
        "--organisation",
        "acme",
        "--workspace",
        "main",
        "--mode",
        "hmac",
    ]);
    let secret = run(&["secret", "reveal", id]);
    let log = std::fs::File::create(folder.join("access.log")).expect("a log");
    let child = pinned(PROXY, program)
        .arg("--config")
        .arg(&config)
        .arg("serve")
        .stdout(log)
        .stderr(Stdio::null())
        .spawn()
        .expect("portcullis");
    let mut proxy = ready(child, SocketAddr::from(([127, 0, 0, 1], port)), secret);
    proxy.admin = Some(admin);
    proxy
}

fn ready(child: Child, address: SocketAddr, secret: String) -> Proxy {
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < until, "{address} does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    Proxy {
        address,
        admin: None,
        https: None,
        secret,
        child,
    }
}

/// A command on some of the processors.
fn pinned(processors: &str, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", processors, program]);
    command
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let output = child.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    line
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn own_program() -> String {
    let path = std::env::current_exe().expect("this program");
    path.to_string_lossy().into_owned()
}

/// `USER_HZ`, which Linux fixes for all architectures that we run on.
const CLOCK_TICKS: f64 = 100.0;
const PROXY: &str = "0";
const OTHERS: &str = "1";
