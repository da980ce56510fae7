//! The program under test, as people run it: a process with a configuration of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{
    Authority, Backend, DATABASE_PASSWORD, ID, PATIENCE, Postgres, Request, eventually, found,
    in_force, let_pass, send,
};

/// A gate that is being set up or runs.
pub(crate) struct Gate {
    folder: tempfile::TempDir,
    sections: BTreeMap<String, String>,
    environment: Vec<(String, String)>,
    running: Option<GateProcess>,
    /// A database of its own, which goes with it.
    database: Option<Postgres>,
}

struct GateProcess {
    child: Child,
    listening: Vec<(String, SocketAddr)>,
    log: Arc<Mutex<Vec<String>>>,
    diagnostics: Arc<Mutex<Vec<String>>>,
}

impl Gate {
    /// A gate in front of `backend`, not started yet.
    pub(crate) fn before(backend: &Backend) -> Self {
        let mut this = Self {
            folder: tempfile::tempdir().unwrap(),
            sections: BTreeMap::new(),
            environment: Vec::new(),
            running: None,
            database: None,
        };
        // Every test that does not care can be run on a database: slower, and now and then worth it.
        if std::env::var_os("PORTCULLIS_TEST_STORE").is_some_and(|it| it == "postgres") {
            let database = Postgres::start();
            this = this.on(&database);
            this.database = Some(database);
        }
        this.with("public", r#"http = "127.0.0.1:0""#)
            .with("admin", r#"listen = "127.0.0.1:0""#)
            .with(
                "upstreams.default",
                &format!("addresses = [\"{}\"]", backend.address()),
            )
    }

    /// Adds lines to a section of the configuration.
    pub(crate) fn with(mut self, section: &str, lines: &str) -> Self {
        let text = self.sections.entry(section.to_owned()).or_default();
        text.push_str(lines);
        text.push('\n');
        std::fs::write(self.config(), self.configuration()).unwrap();
        self
    }

    /// Adds a variable to the environment of the processes.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Replaces a section of the configuration.
    pub(crate) fn with_only(mut self, section: &str, lines: &str) -> Self {
        self.sections.remove(section);
        self.with(section, lines)
    }

    /// Takes a section out of the configuration.
    pub(crate) fn without(mut self, section: &str) -> Self {
        self.sections.remove(section);
        std::fs::write(self.config(), self.configuration()).unwrap();
        self
    }

    /// Keeps its store in a database.
    pub(crate) fn on(self, database: &Postgres) -> Self {
        let password = self.file("database.password", DATABASE_PASSWORD);
        std::fs::set_permissions(&password, PermissionsExt::from_mode(0o600)).unwrap();
        let url = database.url();
        self.with(
            "store",
            &format!("url = \"{url}\"\npassword_file = \"database.password\""),
        )
    }

    /// Another node of the same fleet: with the same store and the same key, and places of its own.
    pub(crate) fn beside(&self, backend: &Backend) -> Self {
        let key = self.folder().join("portcullis.key");
        let mut node =
            Self::before(backend).with("secrets", &format!("key_file = \"{}\"", key.display()));
        for file in ["database.password", "database-ca.pem"] {
            if self.folder().join(file).exists() {
                std::fs::copy(self.folder().join(file), node.folder().join(file)).unwrap();
            }
        }
        if let Some(store) = self.sections.get("store") {
            node = node.with_only("store", store);
        }
        node
    }

    /// Adds a TLS listener, whose certificate `authority` signs.
    pub(crate) fn tls(self, authority: &Authority) -> Self {
        let identity = authority.sign("portal.example.com");
        self.file("portal.pem", identity.certificate);
        self.file("portal-key.pem", identity.key);
        self.with(
            "public",
            "https = \"127.0.0.1:0\"\ncertificate = \"portal.pem\"\nprivate_key = \"portal-key.pem\"",
        )
    }

    /// Creates the endpoint that most tests use.
    pub(crate) fn endpoint(self, mode: &str) -> Self {
        self.endpoint_with(ID, &["--mode", mode])
    }

    /// Creates an endpoint.
    pub(crate) fn endpoint_with(self, id: &str, options: &[&str]) -> Self {
        let mut words = vec!["endpoint", "create", id];
        words.extend(["--organisation", "acme", "--workspace", "main"]);
        words.extend(options);
        self.run(&words).succeeded();
        self
    }

    /// Applies a declaration.
    pub(crate) fn apply(self, declaration: &str) -> Self {
        let path = self.file("endpoints.toml", declaration);
        self.run(&["apply", "-f", path.to_str().unwrap()])
            .succeeded();
        self
    }

    /// Starts to serve, and waits until it does.
    pub(crate) fn start(mut self) -> Self {
        self.restart();
        self
    }

    /// Starts to serve, whatever became of the process before.
    pub(crate) fn restart(&mut self) {
        self.restart_on(Output::Read, Output::Read);
    }

    /// The same, with other standard streams.
    ///
    /// Where the test gives the store short timeouts, a busy machine can exceed them at the start. Such a gate is
    /// started again until it runs, as a supervisor does.
    pub(crate) fn restart_on(&mut self, stdout: Output, stderr: Output) {
        let store = self.sections.get("store").map_or("", String::as_str);
        if store.contains("timeout = ") {
            return eventually("the gate has started", || {
                self.try_restart_on(stdout.clone(), stderr.clone()).is_ok()
            });
        }
        let started = self.try_restart_on(stdout, stderr);
        started.unwrap_or_else(|why| panic!("the gate did not start: {why}"));
    }

    fn try_restart_on(&mut self, stdout: Output, stderr: Output) -> Result<(), String> {
        self.kill();
        let mut child = self
            .command(&["serve"])
            .stdout(stdout.stdio())
            .stderr(stderr.stdio())
            .spawn()
            .unwrap();
        let log = stdout.lines(child.stdout.take());
        let diagnostics = stderr.lines(child.stderr.take());
        let listening = found("the gate has started", || {
            let ended = child.try_wait().unwrap();
            let lines = diagnostics.lock().unwrap().clone();
            let is_up = lines
                .iter()
                .any(|line| line.contains("health and metrics at"));
            if is_up {
                return Some(Ok(addresses(&lines)));
            }
            ended.map(|status| Err(format!("{status}\n{}", lines.join("\n"))))
        })?;
        self.running = Some(GateProcess {
            child,
            listening,
            log,
            diagnostics,
        });
        Ok(())
    }

    /// Runs a command of the command line on this configuration.
    pub(crate) fn run(&self, words: &[&str]) -> CommandOutput {
        self.run_with_input(words, b"")
    }

    pub(crate) fn run_with_input(&self, words: &[&str], input: &[u8]) -> CommandOutput {
        CommandOutput::of(self.command(words), input)
    }

    /// The value of an endpoint's secret.
    pub(crate) fn secret(&self, id: &str) -> String {
        self.run(&["secret", "reveal", id]).succeeded()
    }

    /// A new token of a workspace of the organisation that most tests have.
    pub(crate) fn token(&self, workspace: &str) -> String {
        let words = ["token", "create", "--organisation", "acme", "--workspace"];
        self.run(&[&words[..], &[workspace]].concat()).succeeded()
    }

    /// The public listener for plain HTTP.
    pub(crate) fn http(&self) -> SocketAddr {
        self.listener("deliveries at http://")
    }

    /// The public listener for TLS.
    pub(crate) fn https(&self) -> SocketAddr {
        self.listener("deliveries at https://")
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.listener("health and metrics at http://")
    }

    pub(crate) fn console(&self) -> SocketAddr {
        self.listener("console at http://")
    }

    /// The console over TLS.
    pub(crate) fn console_tls(&self) -> SocketAddr {
        self.listener("console at https://")
    }

    /// The lines of the access log so far; waits until there are `count`.
    pub(crate) fn log(&self, count: usize) -> Vec<serde_json::Value> {
        let running = self.running();
        let lines = found(&format!("{count} lines in the access log"), || {
            let lines = running.log.lock().unwrap().clone();
            (lines.len() >= count).then_some(lines)
        });
        lines
            .iter()
            .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
            .collect()
    }

    /// Waits until the running gate has followed every change of the store, twice: it forgets what changed in two rounds.
    ///
    /// Changes are followed in their order, so a later one that is visible proves the earlier ones.
    pub(crate) fn catch_up(&self) {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        for _ in 0..2 {
            let number = NUMBER.fetch_add(1, Ordering::SeqCst);
            let id = format!("workflows/fence-{number}");
            let words = ["endpoint", "create", &id, "--organisation", "fence"];
            self.run(&[&words[..], &["--workspace", "fence", "--mode", "secret"]].concat())
                .succeeded();
            let request = Request::post(&format!("/webhooks/ai/{id}")).body("{}");
            in_force(|| send(self.http(), &request).status == 401);
        }
    }

    /// Everything that it has written: the access log and what it said about itself.
    pub(crate) fn everything_written(&self) -> String {
        let running = self.running();
        let mut lines = running.log.lock().unwrap().clone();
        lines.extend(running.diagnostics.lock().unwrap().clone());
        lines.join("\n")
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.running().child.id()
    }

    /// The memory that the process holds.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.memory_bytes("VmRSS:")
    }

    /// The most memory that the process ever held.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.memory_bytes("VmHWM:")
    }

    fn memory_bytes(&self, field: &str) -> u64 {
        let path = format!("/proc/{}/status", self.process_id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with(field));
        let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
        kilobytes.parse::<u64>().unwrap() * 1024
    }

    /// Waits until the gate has done all that it can do without another event: every thread of it sleeps at once.
    ///
    /// A thread that a busy machine keeps from running is runnable and does not sleep.
    pub(crate) fn wait_until_idle(&self) {
        eventually("every thread of the gate sleeps", || {
            let before = self.threads();
            // None has run in between, so there was a moment when all of them slept.
            before.iter().all(|(state, _)| state == "S") && before == self.threads()
        });
    }

    /// The state of each thread, and how often it was on and off the processor.
    fn threads(&self) -> Vec<(String, String)> {
        let tasks = format!("/proc/{}/task", self.process_id());
        let threads = std::fs::read_dir(tasks).unwrap().map(|entry| {
            let status = entry.unwrap().path().join("status");
            let status = std::fs::read_to_string(status).unwrap_or_default();
            let line = |name: &str| {
                let lines = status.lines().filter(|line| line.contains(name));
                lines.collect::<Vec<_>>().join(" ")
            };
            let state = line("State:");
            let state = state.split_whitespace().nth(1).unwrap_or_default();
            (state.to_owned(), line("ctxt_switches"))
        });
        threads.collect()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.process_id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the process to end, and gives its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let child = &mut self.running.as_mut().expect("a running gate").child;
        child.wait().unwrap().code()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        let child = &mut self.running.as_mut().expect("a running gate").child;
        child.try_wait().unwrap().is_none()
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("portcullis.toml")
    }

    /// Writes a file into the folder of the configuration.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn running(&self) -> &GateProcess {
        self.running.as_ref().expect("a running gate")
    }

    #[track_caller]
    fn listener(&self, kind: &str) -> SocketAddr {
        let listening = &self.running().listening;
        listening
            .iter()
            .find(|(known, _)| known == kind)
            .unwrap_or_else(|| panic!("no {kind} in {listening:?}"))
            .1
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = portcullis();
        command.arg("--config").arg(self.config()).args(words);
        let environment = self.environment.iter();
        command.envs(environment.map(|(name, value)| (name, value)));
        command
    }

    fn configuration(&self) -> String {
        let patient = PATIENT.iter().map(|(name, _)| *name);
        let own = self.sections.keys().map(String::as_str);
        let names: BTreeSet<&str> = patient.filter(|name| is_default(name)).chain(own).collect();
        let section = |name: &str| {
            let lines = self.sections.get(name).map_or("", String::as_str);
            format!("[{name}]\n{lines}{}\n", patience(name, lines))
        };
        names.into_iter().map(section).collect()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The time-outs of a gate whose test does not set them: minutes, or the longest time that may be configured.
///
/// A busy machine must not turn a healthy step into a time-out. Keys of one row depend on each other, so a test that
/// sets one of them gets the defaults of the product for the others.
const PATIENT: [(&str, &[(&str, &str)]); 12] = [
    ("bodies", &[("timeout", "5m")]),
    (
        "ledger",
        &[("connect_timeout", "30s"), ("response_timeout", "30s")],
    ),
    ("outbound", &[("timeout", "5m")]),
    ("public", &[("head_timeout", "5m")]),
    ("public", &[("keep_alive", "5m")]),
    ("public", &[("send_timeout", "5m")]),
    (
        "secrets.aws",
        &[
            ("connect_timeout", "30s"),
            ("attempt_timeout", "30s"),
            ("call_timeout", "60s"),
        ],
    ),
    ("server", &[("shutdown_grace", "5m")]),
    ("store", &[("connect_timeout", "60s"), ("timeout", "60s")]),
    (
        "upstreams",
        &[("connect_timeout", "5m"), ("total_timeout", "5m")],
    ),
    (
        "upstreams",
        &[("read_timeout", "5m"), ("idle_timeout", "5m")],
    ),
    ("upstreams", &[("write_timeout", "5m")]),
];

/// Whether a section is written although no test has lines for it.
fn is_default(section: &str) -> bool {
    matches!(section, "bodies" | "outbound" | "public" | "server")
}

/// The lines of [`PATIENT`] for a section with `lines`.
fn patience(section: &str, lines: &str) -> String {
    let sets = |key: &str| {
        let names = lines.lines().filter_map(|line| line.split_once('='));
        names.into_iter().any(|(name, _)| name.trim() == key)
    };
    // The time-outs of a server need its URL beside them.
    if matches!(section, "ledger" | "store") && !sets("url") {
        return String::new();
    }
    let kind = section
        .split_once('.')
        .map_or(section, |(kind, _)| match kind {
            "upstreams" => kind,
            _ => section,
        });
    PATIENT
        .iter()
        .filter(|(name, keys)| *name == kind && !keys.iter().any(|(key, _)| sets(key)))
        .flat_map(|(_, keys)| *keys)
        .map(|(key, time)| format!("{key} = \"{time}\"\n"))
        .collect()
}

/// The program.
pub(crate) fn portcullis() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.env_remove("PORTCULLIS_CONFIG").env("NO_COLOR", "1");
    command
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl CommandOutput {
    pub(crate) fn of(mut command: Command, input: &[u8]) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read its input closes it.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What it printed, if all went well.
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self.stdout.trim_end().to_owned()
    }

    /// What it complained about, if it ended with `code`.
    #[track_caller]
    pub(crate) fn failed_with(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        self.stderr
    }
}

fn addresses(lines: &[String]) -> Vec<(String, SocketAddr)> {
    lines
        .iter()
        .filter_map(|line| line.split_once(": ").map(|(_, what)| what))
        .filter_map(|what| {
            let at = what.find("://")? + 3;
            Some((what[..at].to_owned(), what[at..].parse().ok()?))
        })
        .collect()
}

/// Where a standard stream of the gate leads.
#[derive(Clone)]
pub(crate) enum Output {
    /// To a reader that takes every line.
    Read,
    /// To a reader that does what it is told.
    Controlled(Reader),
    /// To a file.
    File(PathBuf),
}

/// A reader that can be told to die, or to leave the pipe alone.
#[derive(Clone, Default)]
pub(crate) struct Reader {
    dies: Arc<AtomicBool>,
    rests: Arc<AtomicBool>,
}

impl Reader {
    /// It closes its end of the pipe after the next line.
    pub(crate) fn die(&self) {
        self.dies.store(true, Ordering::SeqCst);
    }

    /// It reads nothing more after the next line, and keeps its end open.
    pub(crate) fn rest(&self) {
        self.rests.store(true, Ordering::SeqCst);
    }
}

impl Output {
    fn stdio(&self) -> Stdio {
        match self {
            Self::Read | Self::Controlled(_) => Stdio::piped(),
            Self::File(path) => {
                let file = OpenOptions::new().append(true).create(true).open(path);
                file.unwrap().into()
            }
        }
    }

    /// The lines so far, as they come.
    fn lines(self, pipe: Option<impl Read + Send + 'static>) -> Arc<Mutex<Vec<String>>> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let shared = lines.clone();
        match self {
            Self::Read => follow(pipe.unwrap(), shared, Reader::default()),
            Self::Controlled(reader) => follow(pipe.unwrap(), shared, reader),
            Self::File(path) if path.starts_with("/dev") => {}
            Self::File(path) => {
                let weak = Arc::downgrade(&lines);
                thread::spawn(move || {
                    while let Some(lines) = weak.upgrade() {
                        let text = std::fs::read(&path).unwrap_or_default();
                        let text = String::from_utf8_lossy(&text).into_owned();
                        *lines.lock().unwrap() = text.lines().map(str::to_owned).collect();
                        drop(lines);
                        let_pass(Duration::from_millis(5));
                    }
                });
            }
        }
        lines
    }
}

fn follow(output: impl Read + Send + 'static, lines: Arc<Mutex<Vec<String>>>, reader: Reader) {
    thread::spawn(move || {
        let mut output = BufReader::new(output).lines();
        while let Some(Ok(line)) = output.next() {
            lines.lock().unwrap().push(line);
            if reader.dies.load(Ordering::SeqCst) {
                return;
            }
            while reader.rests.load(Ordering::SeqCst) {
                let_pass(Duration::from_millis(50));
            }
        }
    });
}

/// Changes the store behind the back of everybody, as a broken disk or a careless hand would.
pub(crate) fn sqlite(gate: &Gate, statement: &str) {
    if let Some(database) = &gate.database {
        return database.run(statement);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use sqlx::Connection as _;
        let url = format!("sqlite://{}", gate.folder().join("portcullis.db").display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    });
}

/// One number from the store.
pub(crate) fn number(gate: &Gate, query: &str) -> i64 {
    if let Some(database) = &gate.database {
        return database.number(query);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        use sqlx::Connection as _;
        let url = format!("sqlite://{}", gate.folder().join("portcullis.db").display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let query = sqlx::AssertSqlSafe(query.to_owned());
        let number = sqlx::query_scalar(query).fetch_one(&mut connection).await;
        connection.close().await.unwrap();
        number.unwrap()
    })
}

/// What the tests of the command line and of the configuration look at.
impl Gate {
    /// A configuration as somebody wrote it, right or wrong, alone in its folder.
    pub(crate) fn configured(text: impl AsRef<[u8]>) -> Self {
        let this = Self {
            folder: tempfile::tempdir().unwrap(),
            sections: BTreeMap::new(),
            environment: Vec::new(),
            running: None,
            database: None,
        };
        this.file("portcullis.toml", text);
        this
    }

    /// Tries to serve where that should fail; a server that stays up ends with 124.
    pub(crate) fn serve_that_ends(&self) -> CommandOutput {
        let mut command = Command::new("timeout");
        command
            .arg(PATIENCE.as_secs().to_string())
            .args([env!("CARGO_BIN_EXE_portcullis"), "--config"])
            .arg(self.config())
            .arg("serve")
            .env_remove("PORTCULLIS_CONFIG")
            .env("NO_COLOR", "1");
        CommandOutput::of(command, b"")
    }

    /// The names of the files in the folder.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// What a scraper sees.
    pub(crate) fn metrics(&self) -> String {
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let answer = super::Connection::to(self.admin()).write(request).answer();
        assert_eq!(answer.status, 200);
        answer.text().to_owned()
    }

    /// One series of the metrics, by its name and labels; 0 as long as it is not there.
    pub(crate) fn metric(&self, series: &str) -> u64 {
        self.metrics()
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
            .map_or(0, |value| value.parse().unwrap())
    }

    /// Waits until a series has at least a value.
    pub(crate) fn wait_for_at_least(&self, series: &str, value: u64) {
        let what = format!("{series} is at least {value}");
        eventually(&what, || self.metric(series) >= value);
    }

    /// Waits until a series has a value.
    pub(crate) fn wait_for_metric(&self, series: &str, value: u64) {
        eventually(&format!("{series} is {value}"), || {
            self.metric(series) == value
        });
    }
}
