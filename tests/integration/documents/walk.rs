//! A page that is followed as a reader follows it: every command in a shell, every file written, every output compared.
//!
//! A page marks its blocks behind the fence:
//! - ```` ```sh walk ````: commands, run once, all of them in one folder that `cd` changes.
//! - ```` ```sh walk eventually ````: commands that change nothing in the store. They are repeated until the output is right,
//!   because a change before them is in force within a second, not at once.
//! - ```` ```text shows ````: the output of the commands before it contains these texts, in this order.
//! - ```` ```text prints ````: the output has these lines and no other. `…` stands for any text.
//! - ```` ```toml NAME ````: a file of that name; `portcullis.toml` is left to the reader.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::support::*;

const PUBLIC: &str = "127.0.0.1:8080";
const ADMIN: &str = "127.0.0.1:9090";
const BACKEND: &str = "127.0.0.1:3000";

/// The fenced blocks of a page: what stands behind the fence, and the text.
pub(super) fn blocks(page: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((info, text.join("\n")));
        }
    }
    blocks
}

/// What the output of a block is compared with.
#[derive(Debug, Eq, PartialEq)]
enum Output {
    Shows(String),
    Prints(String),
}

#[derive(Debug, Eq, PartialEq)]
enum Step {
    File {
        name: String,
        text: String,
    },
    Commands {
        text: String,
        repeat: bool,
        output: Option<Output>,
    },
}

fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut blocks = blocks(page).into_iter().peekable();
    while let Some((info, text)) = blocks.next() {
        let repeat = match info {
            "sh walk" => false,
            "sh walk eventually" => true,
            "text shows" | "text prints" => panic!("no commands before the output\n{text}"),
            _ => {
                let name = info.strip_prefix("toml ").map(str::to_owned);
                if let Some(name) = name.filter(|name| name != "portcullis.toml") {
                    steps.push(Step::File { name, text });
                }
                continue;
            }
        };
        let is_output = |info: &str| matches!(info, "text shows" | "text prints");
        let output = blocks.next_if(|(info, _)| is_output(info));
        let output = output.map(|(info, text)| match info {
            "text shows" => Output::Shows(text),
            _ => Output::Prints(text),
        });
        assert!(output.is_some() || !repeat, "nothing to wait for\n{text}");
        steps.push(Step::Commands {
            text,
            repeat,
            output,
        });
    }
    steps
}

impl Output {
    /// Why the output is not this one.
    fn fault(&self, printed: &str) -> Option<String> {
        match self {
            Self::Shows(expected) => {
                let mut lines = printed.lines();
                let mut rest = "";
                for pattern in expected.lines() {
                    rest = loop {
                        if let Some(next) = after(rest, pattern) {
                            break next;
                        }
                        match lines.next() {
                            Some(line) => rest = line,
                            None => return Some(format!("`{pattern}` is missing")),
                        }
                    };
                }
                None
            }
            Self::Prints(expected) => {
                let (expected, printed): (Vec<&str>, Vec<&str>) =
                    (expected.lines().collect(), printed.lines().collect());
                if expected.len() != printed.len() {
                    return Some(format!("{} lines, not {}", printed.len(), expected.len()));
                }
                let is_other = |(pattern, line): &(&&str, &&str)| {
                    pattern != line && !(pattern.contains('…') && after(line, pattern).is_some())
                };
                let other = expected.iter().zip(&printed).find(is_other)?;
                Some(format!("`{}` is not `{}`", other.1, other.0))
            }
        }
    }

    fn map(&self, change: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Shows(text) => Self::Shows(change(text)),
            Self::Prints(text) => Self::Prints(change(text)),
        }
    }
}

/// What follows in `line` after the parts of `pattern`, in their order, with anything at `…`.
fn after<'t>(line: &'t str, pattern: &str) -> Option<&'t str> {
    pattern
        .split('…')
        .try_fold(line, |rest, part| rest.split_once(part).map(|it| it.1))
}

/// A reader in a folder of their own, with free ports in place of those of the page.
pub(super) struct Walk {
    home: tempfile::TempDir,
    folder: PathBuf,
    addresses: [(&'static str, String); 3],
    server: Option<Server>,
}

struct Server {
    child: Child,
    log: Receiver<String>,
    messages: Receiver<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Walk {
    pub(super) fn before(backend: &Backend) -> Self {
        let free = || format!("127.0.0.1:{}", free_port());
        let home = tempfile::tempdir().unwrap();
        Self {
            folder: home.path().canonicalize().unwrap(),
            addresses: [
                (PUBLIC, free()),
                (ADMIN, free()),
                (BACKEND, backend.address().to_string()),
            ],
            server: None,
            home,
        }
    }

    /// Follows a page from its first command to its last, and gives how many blocks of commands there are.
    #[track_caller]
    pub(super) fn follow(&mut self, page: &str) -> usize {
        let mut blocks = 0;
        for step in steps(page) {
            match step {
                Step::File { name, text } => {
                    std::fs::write(self.folder.join(name), text).unwrap();
                }
                Step::Commands {
                    text,
                    repeat,
                    output,
                } => {
                    blocks += 1;
                    let output = output.map(|output| output.map(|text| self.here(text)));
                    self.run(&text, repeat, output.as_ref());
                }
            }
        }
        blocks
    }

    #[track_caller]
    fn run(&mut self, commands: &str, repeat: bool, output: Option<&Output>) {
        let fault_of = |printed: &str| output.and_then(|output| output.fault(printed));
        if commands == "portcullis serve" {
            let printed = self.serve();
            let fault = fault_of(&printed);
            assert!(fault.is_none(), "{commands}: {fault:?}\n{printed}");
            return;
        }
        let mut last = String::new();
        let mut attempt = || {
            let ran = self.shell(commands);
            let fault = match ran.code {
                Some(0) => fault_of(&ran.stdout),
                code => Some(format!("exit code {code:?}")),
            };
            last = format!("{fault:?}\n{commands}\n{}{}", ran.stdout, ran.stderr);
            fault.is_none()
        };
        if !attempt() {
            assert!(repeat, "{last}");
            eventually(commands, attempt);
        }
        if commands.contains("portcullis init") {
            self.listen();
        }
    }

    /// Runs commands in a shell, and goes where they end.
    fn shell(&mut self, commands: &str) -> CommandOutput {
        let place = self.home.path().join("place");
        let script = format!("{}\npwd > '{}'", self.here(commands), place.display());
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", &script]);
        let ran = CommandOutput::of(self.set_up(shell), b"");
        if ran.code == Some(0) {
            self.folder = std::fs::read_to_string(place).unwrap().trim_end().into();
        }
        ran
    }

    /// Lets the new gate listen at the ports of this walk.
    fn listen(&self) {
        let file = self.folder.join("portcullis.toml");
        let listeners = format!("\n[public]\nhttp = \"{PUBLIC}\"\n[admin]\nlisten = \"{ADMIN}\"\n");
        let text = std::fs::read_to_string(&file).unwrap() + &self.here(&listeners);
        std::fs::write(file, text).unwrap();
    }

    /// Starts the gate, and gives what it says until it listens.
    fn serve(&mut self) -> String {
        let mut serve = Command::new("portcullis");
        serve.arg("serve");
        serve.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.set_up(serve).spawn().unwrap();
        let log = lines_of(child.stdout.take().unwrap());
        let messages = lines_of(child.stderr.take().unwrap());
        let server = Server {
            child,
            log,
            messages,
        };
        let server = self.server.insert(server);
        let mut transcript = String::new();
        while !transcript.contains("health and metrics at") {
            let line = server.messages.recv_timeout(PATIENCE);
            transcript += &line.unwrap_or_else(|_| panic!("it did not start: {transcript}"));
            transcript += "\n";
        }
        transcript
    }

    /// A text of the page, with the addresses of this walk.
    fn here(&self, text: &str) -> String {
        let addresses = self.addresses.iter();
        addresses.fold(text.to_owned(), |text, (there, here)| {
            text.replace(there, here)
        })
    }

    fn set_up(&self, mut command: Command) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_portcullis"));
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", program.parent().unwrap().display());
        command
            .env("PATH", path)
            .env("NO_COLOR", "1")
            .env_remove("PORTCULLIS_CONFIG")
            .env_remove("PORTCULLIS_TOKEN")
            .current_dir(&self.folder);
        command
    }

    /// Ends the gate with SIGTERM, and gives every line of its access log; none if the page starts no gate.
    pub(super) fn end(mut self) -> Vec<serde_json::Value> {
        let Some(mut server) = self.server.take() else {
            return Vec::new();
        };
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

#[test]
fn a_page_is_read_as_files_commands_and_outputs() {
    let page = "# A page\n\n```sh\nnot run\n```\n```toml a.toml\nb = 1\n```\n```sh walk\none\ntwo\n```\n\ntext\n\n\
                ```text shows\nthree\n```\n```sh walk eventually\nfour\n```\n```text prints\nfive\n```\n\
                ```sh walk\nsix\n```\n```toml portcullis.toml\nc = 1\n```\n";
    let commands = |text: &str, repeat, output| Step::Commands {
        text: text.to_owned(),
        repeat,
        output,
    };
    let file = Step::File {
        name: "a.toml".to_owned(),
        text: "b = 1".to_owned(),
    };
    assert_eq!(
        steps(page),
        [
            file,
            commands("one\ntwo", false, Some(Output::Shows("three".to_owned()))),
            commands("four", true, Some(Output::Prints("five".to_owned()))),
            commands("six", false, None),
        ]
    );
}

#[test]
fn another_output_than_that_of_the_page_is_a_fault() {
    let printed = "202  admitted  3 ms\n401  refused\n202  admitted  4 ms\n";
    let shows = |text: &str| Output::Shows(text.to_owned()).fault(printed);
    assert_eq!(shows("202 … admitted … ms\n202  admitted\n"), None);
    assert_eq!(shows("401  refused\n202  admitted  4 ms\n"), None);
    for missing in [
        "202  admitted\n202  admitted\n202  admitted",
        "401  refused\n401  refused",
        "401  refused\n202  admitted  3 ms",
        "202…refused",
    ] {
        assert!(shows(missing).is_some(), "{missing}");
    }

    let prints = |text: &str| Output::Prints(text.to_owned()).fault(printed);
    assert_eq!(
        prints("202  admitted  … ms\n401  refused\n202  admitted  4 ms"),
        None
    );
    for other in [
        "202  admitted  … ms\n401  refused",
        "202  admitted\n401  refused\n202  admitted  4 ms",
        "202  admitted  … s\n401  refused\n202  admitted  4 ms",
        "401  refused\n202  admitted  3 ms\n202  admitted  4 ms",
    ] {
        assert!(prints(other).is_some(), "{other}");
    }
}
