//! The processes of the benchmark: started, pinned, measured, and ended.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that listens.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
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
    let port = free_port();
    let config = folder.join("portcullis.toml");
    std::fs::write(
        &config,
        format!(
            "[server]\nthreads = 1\n[public]\nhttp = \"127.0.0.1:{port}\"\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n[upstreams.default]\naddresses = [\"{backend}\"]\n"
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
    ready(child, SocketAddr::from(([127, 0, 0, 1], port)), secret)
}

fn ready(child: Child, address: SocketAddr, secret: String) -> Proxy {
    let until = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(address).is_err() {
        assert!(Instant::now() < until, "{address} does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    Proxy {
        address,
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
