//! README.md, tried: its walk from `init` to a rotation as somebody types it, and what it lists beside
//! what the program does.
//!
//! A block ```` ```sh walk ```` is run, in order and in one folder; what follows it as
//! ```` ```text shows ```` has to be printed. A block of TOML is the file that it is named after.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use portcullis::auth::ProofError;
use portcullis::config::Config;

use crate::support::*;

const README: &str = include_str!("../../README.md");

/// The blocks of the README: what stands behind the fence, and the text.
fn blocks() -> Vec<(&'static str, String)> {
    blocks_of(README)
}

pub(crate) fn blocks_of(document: &'static str) -> Vec<(&'static str, String)> {
    let mut blocks = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((info, text.join("\n")));
        }
    }
    blocks
}

#[track_caller]
fn block(info: &str) -> String {
    let mut found = blocks().into_iter().filter(|(known, _)| *known == info);
    found.next().unwrap_or_else(|| panic!("no {info}")).1
}

/// Somebody who types what the README says.
pub(crate) struct Reader {
    folder: PathBuf,
    /// The addresses of the README, and those that are free here.
    places: Vec<(&'static str, String)>,
    server: Option<Server>,
    home: tempfile::TempDir,
}

struct Server {
    child: Child,
    log: Receiver<String>,
    told: Receiver<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Reader {
    pub(crate) fn new(backend: &Backend) -> Self {
        let [public, admin] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
        let home = tempfile::tempdir().unwrap();
        Self {
            folder: home.path().canonicalize().unwrap(),
            places: vec![
                (PUBLIC, public),
                (ADMIN, admin),
                ("127.0.0.1:3000", backend.address().to_string()),
            ],
            server: None,
            home,
        }
    }

    /// Types a block, and gives what was printed.
    #[track_caller]
    pub(crate) fn types(&mut self, block: &str) -> String {
        if block == "portcullis serve" {
            return self.serves();
        }
        let place = self.home.path().join("place");
        let script = format!("{}\npwd > '{}'", self.here(block), place.display());
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", &script]);
        let ran = Ran::of(self.set_up(shell), b"");
        assert_eq!(ran.code, Some(0), "{script}\n{}{}", ran.stdout, ran.stderr);
        self.folder = std::fs::read_to_string(place).unwrap().trim_end().into();
        if block.contains("portcullis init") {
            let file = self.folder.join("portcullis.toml");
            let listeners =
                "\n[public]\nhttp = \"127.0.0.1:8080\"\n[admin]\nlisten = \"127.0.0.1:9090\"\n";
            let text = std::fs::read_to_string(&file).unwrap() + &self.here(listeners);
            std::fs::write(file, text).unwrap();
        }
        ran.stdout
    }

    fn serves(&mut self) -> String {
        let mut serve = Command::new("portcullis");
        serve.arg("serve");
        serve.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.set_up(serve).spawn().unwrap();
        let log = lines_of(child.stdout.take().unwrap());
        let told = lines_of(child.stderr.take().unwrap());
        let server = self.server.insert(Server { child, log, told });
        let mut said = String::new();
        while !said.contains("health and metrics at") {
            let line = server.told.recv_timeout(PATIENCE);
            said += &line.unwrap_or_else(|_| panic!("it did not start: {said}"));
            said += "\n";
        }
        said
    }

    /// What the README says, with the addresses of this walk.
    pub(crate) fn here(&self, text: &str) -> String {
        let places = self.places.iter();
        places.fold(text.to_owned(), |text, (there, here)| {
            text.replace(there, here)
        })
    }

    fn set_up(&self, mut command: Command) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_portcullis"));
        let path = std::env::var("PATH").unwrap();
        command
            .env(
                "PATH",
                format!("{}:{path}", program.parent().unwrap().display()),
            )
            .env("NO_COLOR", "1")
            .env_remove("PORTCULLIS_CONFIG")
            .current_dir(&self.folder);
        command
    }

    fn metrics(&self) -> String {
        let admin: SocketAddr = self.here(ADMIN).parse().unwrap();
        let request = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let answer = Connection::to(admin).write(request).answer();
        answer.text().to_owned()
    }

    /// Ends the server, and gives every line of its access log.
    fn ends(&mut self) -> Vec<serde_json::Value> {
        let server = self.server.as_mut().unwrap();
        let id = server.child.id().to_string();
        let ended = Command::new("kill").args(["-TERM", &id]).status();
        assert!(ended.unwrap().success());
        assert!(server.child.wait().unwrap().success());
        let lines = server.log.iter();
        lines
            .map(|line| serde_json::from_str(&line).unwrap())
            .collect()
    }
}

fn lines_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Whether a line has the parts of `pattern` between its `…`, in their order.
pub(crate) fn shows(line: &str, pattern: &str) -> bool {
    let mut rest = Some(line);
    for part in pattern.split('…') {
        rest = rest.and_then(|rest| rest.split_once(part)).map(|it| it.1);
    }
    rest.is_some()
}

/// The words in backticks in the part of the README under a heading.
fn words_under(heading: &str) -> BTreeSet<&'static str> {
    let (_, part) = README.split_once(&format!("\n{heading}\n")).unwrap();
    let part = part.split("\n##").next().unwrap();
    part.split('`').skip(1).step_by(2).collect()
}

#[test]
fn what_the_readme_says_can_be_typed_and_comes_out_so() {
    let backend = Backend::accepting();
    let mut reader = Reader::new(&backend);
    let mut printed = String::new();
    let mut walked = 0;
    for (info, text) in blocks() {
        match info {
            "sh walk" => {
                printed = reader.types(&text);
                walked += 1;
            }
            "text shows" => {
                for pattern in reader.here(&text).lines() {
                    let shown = printed.lines().any(|line| shows(line, pattern));
                    assert!(shown, "`{pattern}` is not in\n{printed}");
                }
            }
            "toml endpoints.toml" => {
                std::fs::write(reader.folder.join("endpoints.toml"), text).unwrap();
            }
            _ => {}
        }
    }
    assert!(walked >= 10, "{walked} blocks");

    // Of the three deliveries the genuine one got through.
    let ping = backend.only();
    assert_eq!(ping.header("X-GitHub-Event"), "ping");
    assert_eq!(ping.header("X-Portal-Org-Id"), "acme");

    let metrics = reader.metrics();
    let counted: BTreeSet<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .filter(|name| name.starts_with("portcullis_"))
        .collect();
    let listed: BTreeSet<&str> = words_under("### Health and metrics")
        .into_iter()
        .filter(|word| word.starts_with("portcullis_"))
        .collect();
    assert_eq!(listed, counted);

    let log = reader.ends();
    assert_eq!(log.len(), 3, "{log:#?}");
    let fields = |line: &serde_json::Value| -> BTreeSet<String> {
        line.as_object().unwrap().keys().cloned().collect()
    };
    let written: BTreeSet<String> = log.iter().flat_map(fields).collect();
    let listed = words_under("### Log");
    for field in &written {
        assert!(listed.contains(field.as_str()), "`{field}` is not listed");
    }
    let example: serde_json::Value = serde_json::from_str(&block("text log")).unwrap();
    assert_eq!(fields(&example), fields(&log[0]));
}

#[test]
fn the_configuration_of_the_readme_is_right() {
    let gate = Gate::configured("");
    let identity = Authority::new().sign("portal.example.com");
    gate.file("portal.pem", identity.certificate);
    gate.file("portal-key.pem", identity.key);
    let text = include_str!("../../conf/minimal.toml").to_owned();
    let text = text + "\n" + &block("toml portcullis.toml");
    let config = Config::parse(&gate.config(), &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(config.public.url, "https://portal.example.com");
    assert!(config.public.http.is_none());
}

#[test]
fn the_readme_knows_every_reason_and_no_other() {
    let source = include_str!("../../src/gate/reason.rs");
    let mut known: BTreeSet<&str> = source
        .lines()
        .filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\","))
        .chain(ProofError::ALL.map(ProofError::word))
        .collect();
    known.extend(["admitted", "handshake", "ignored"]);
    let (_, table) = README.split_once("\n## What senders get\n").unwrap();
    let table = table.trim_start().split("\n\n").next().unwrap();
    let listed: BTreeSet<&str> = table
        .lines()
        .skip(2)
        .map(|row| row.split(" | ").nth(3).unwrap().trim_matches('`'))
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn the_exit_codes_the_recipes_and_the_files_of_the_readme_are_there() {
    let mut help = portcullis();
    help.arg("--help");
    let help = Ran::of(help, b"").succeeded();
    for line in block("text exit codes").lines() {
        assert!(help.contains(line), "{line}");
    }

    let makefile = include_str!("../../Makefile");
    for (_, text) in blocks() {
        for recipe in text.lines().filter_map(|line| line.strip_prefix("make ")) {
            let recipe = recipe.split(' ').next().unwrap();
            assert!(makefile.contains(&format!("\n{recipe}: ")), "{recipe}");
        }
    }

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let security = include_str!("../../SECURITY.md").split('`');
    for place in security.filter(|word| word.starts_with("src/")) {
        assert!(root.join(place).exists(), "SECURITY.md: {place}");
    }
    for link in README.split("](").skip(1) {
        let link = link.split(')').next().unwrap();
        if let Some(heading) = link.strip_prefix('#') {
            let anchor = |line: &str| {
                let title = line.trim_start_matches('#').trim().to_lowercase();
                title.replace(' ', "-").replace(['\'', ','], "")
            };
            let mut headings = README.lines().filter(|line| line.starts_with('#'));
            assert!(headings.any(|line| anchor(line) == heading), "#{heading}");
        } else if !link.starts_with("https://") {
            assert!(root.join(link).exists(), "{link}");
        }
    }
}

const PUBLIC: &str = "127.0.0.1:8080";
const ADMIN: &str = "127.0.0.1:9090";
