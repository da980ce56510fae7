//! A Redis of the test's own: a private process on a free port, with what it keeps in a folder that goes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use super::ports::free_port;
use super::waiting::{PATIENCE, eventually};

/// A Redis that runs, or that was stopped for a while.
pub(crate) struct RedisServer {
    folder: tempfile::TempDir,
    options: Vec<String>,
    port: u16,
    child: Option<Child>,
}

impl RedisServer {
    /// One without a password, that keeps nothing on a disk.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// One with more options, each with its value.
    pub(crate) fn with(options: &[&str]) -> Self {
        let mut this = Self {
            folder: tempfile::tempdir().unwrap(),
            options: options.iter().map(|&option| option.to_owned()).collect(),
            port: free_port(),
            child: None,
        };
        this.restart();
        this
    }

    /// Where it listens without TLS.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// For `[ledger]`.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Starts it on its port, with an empty memory.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let port = self.port.to_string();
        let log = std::fs::File::create(self.folder.path().join("redis.log")).unwrap();
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &port, "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .arg("--dir")
            .arg(self.folder.path())
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!(
                "redis-server does not start ({error}): these tests need a real one; `scripts/prepare test` \
                 installs it"
            )
        });
        let child = self.child.insert(child);
        eventually("redis-server takes connections", || {
            let ended = child.try_wait().unwrap();
            let log = std::fs::read_to_string(self.folder.path().join("redis.log"));
            assert!(
                ended.is_none(),
                "redis-server: {ended:?}\n{}",
                log.unwrap_or_default()
            );
            TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    /// Ends it, without a word to anybody.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Holds it: connections stay, and nothing is answered.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("a running Redis").id();
        let mut kill = Command::new("kill");
        let status = kill.args([&format!("-{name}"), &id.to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// What it answers, in the words of redis-cli; an error as its text.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let mut client = Client::to(self.address());
        client.say(words);
        client.answer()
    }

    /// How often it was asked for a command by name, since it was started or since the last
    /// `CONFIG RESETSTAT`. What scripts do inside counts under its own names.
    pub(crate) fn calls(&self, command: &str) -> u64 {
        let stats = self.ask(&["INFO", "commandstats"]);
        let line = stats
            .lines()
            .find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
    }

    /// The keys that it has.
    pub(crate) fn keys(&self) -> Vec<String> {
        let keys = self.ask(&["KEYS", "*"]);
        keys.lines().map(str::to_owned).collect()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A connection for the test's own questions, made of nothing that is under test.
struct Client(BufReader<TcpStream>);

impl Client {
    fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    fn say(&mut self, words: &[&str]) {
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let (kind, rest) = line.trim_end().split_at(1);
        match (kind, rest.parse::<i64>()) {
            ("$", Ok(len @ 0..)) => {
                let mut bytes = vec![0; usize::try_from(len).unwrap() + 2];
                self.0.read_exact(&mut bytes).unwrap();
                bytes.truncate(bytes.len() - 2);
                String::from_utf8(bytes).unwrap()
            }
            ("*", Ok(len)) => {
                let items: Vec<String> = (0..len).map(|_| self.answer()).collect();
                items.join("\n")
            }
            ("$", _) => String::new(),
            _ => rest.to_owned(),
        }
    }
}
