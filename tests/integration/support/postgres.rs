//! A PostgreSQL server of a test's own: a private process on a free port of loopback, with temporary data.
//!
//! The programs are those of the system's package (`scripts/prepare test` installs it); the cluster that a
//! package may have made is neither needed nor touched. The server ends with the test, even with one that
//! is killed: a shell waits at a pipe that only the test holds.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sqlx::Connection as _;

use super::Authority;
use super::ports::free_port;
use super::waiting::found;

/// The password of the role `portcullis`. It needs escaping in a URL, and must not be seen anywhere.
pub(crate) const DATABASE_PASSWORD: &str = "p@ss/word#7";

/// A server with the database `gate`, which belongs to the role `portcullis`.
pub(crate) struct Postgres {
    folder: tempfile::TempDir,
    port: u16,
    settings: Vec<String>,
    running: Option<Child>,
    pid: u32,
}

impl Postgres {
    /// Starts one that forgets what was not written to the disk when the machine dies, and is fast.
    pub(crate) fn start() -> Self {
        Self::with(&["fsync=off", "full_page_writes=off"], |_| {})
    }

    /// Starts one that is spoken to over TLS only, with a certificate for `name`.
    pub(crate) fn start_with_tls(authority: &Authority, name: &str) -> Self {
        let identity = authority.sign(name);
        let settings = [
            "fsync=off",
            "ssl=on",
            "ssl_cert_file=server.pem",
            "ssl_key_file=server.key",
        ];
        Self::with(&settings, |data| {
            for (file, content) in [
                ("server.pem", identity.certificate.as_str()),
                ("server.key", &identity.key),
                (
                    "pg_hba.conf",
                    "local all all trust\nhostssl all all all scram-sha-256\n",
                ),
            ] {
                let path = data.join(file);
                std::fs::write(&path, content).unwrap();
                std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
                give_away(&path);
            }
        })
    }

    fn with(settings: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The server's user has to get through to what is its own.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        give_away(&data);
        let made = as_its_user("initdb")
            .args([
                "--no-sync",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C",
            ])
            .args([
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                "--wal-segsize=1",
            ])
            .arg(&data)
            .current_dir(&data)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {made:?}");
        prepare(&data);
        let mut this = Self {
            folder,
            port: free_port(),
            settings: settings.iter().map(|it| (*it).to_owned()).collect(),
            running: None,
            pid: 0,
        };
        assert!(
            this.try_launch(),
            "PostgreSQL did not start:\n{}",
            this.log()
        );
        this.as_admin(
            "postgres",
            &format!("CREATE ROLE portcullis LOGIN PASSWORD '{DATABASE_PASSWORD}'"),
        );
        this.as_admin("postgres", "CREATE DATABASE gate OWNER portcullis");
        this
    }

    /// Where it is, for a configuration; without the password.
    pub(crate) fn url(&self) -> String {
        format!("postgres://portcullis@127.0.0.1:{}/gate", self.port)
    }

    /// The same with the password.
    pub(crate) fn url_with_password(&self) -> String {
        let port = self.port;
        format!("postgres://portcullis:p%40ss%2Fword%237@127.0.0.1:{port}/gate")
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Runs statements in the database, as the role that the gate has.
    pub(crate) fn run(&self, statements: &str) {
        self.as_role("portcullis", "gate", statements);
    }

    /// Runs statements that only an administrator may run.
    pub(crate) fn as_admin(&self, database: &str, statements: &str) {
        self.as_role("postgres", database, statements);
    }

    fn as_role(&self, role: &str, database: &str, statements: &str) {
        let statements = sqlx::AssertSqlSafe(statements.to_owned());
        self.connected(role, database, async |connection| {
            sqlx::raw_sql(statements).execute(connection).await.unwrap();
        });
    }

    /// One number.
    pub(crate) fn number(&self, query: &str) -> i64 {
        let query = sqlx::AssertSqlSafe(query.to_owned());
        self.connected("portcullis", "gate", async |connection| {
            sqlx::query_scalar(query)
                .fetch_one(connection)
                .await
                .unwrap()
        })
    }

    /// Does `work` while somebody else holds the lock of writers.
    pub(crate) fn with_writers_locked<T>(&self, work: impl FnOnce() -> T) -> T {
        self.connected("portcullis", "gate", async |connection| {
            // WRITER in src/store/postgres; it ends with the connection.
            let lock = format!("SELECT pg_advisory_lock({})", 0x706f_7274_6375_6c6c_i64);
            let lock = sqlx::AssertSqlSafe(lock);
            sqlx::raw_sql(lock).execute(connection).await.unwrap();
            work()
        })
    }

    fn connected<T>(
        &self,
        role: &str,
        database: &str,
        work: impl AsyncFnOnce(&mut sqlx::PgConnection) -> T,
    ) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let options = sqlx::postgres::PgConnectOptions::new_without_pgpass()
                .socket(self.folder.path().join("data"))
                .port(self.port)
                .username(role)
                .database(database);
            let mut connection = sqlx::PgConnection::connect_with(&options).await.unwrap();
            let answer = work(&mut connection).await;
            connection.close().await.unwrap();
            answer
        })
    }

    /// Stops every process of it where it is (SIGSTOP): it takes connections, and never answers.
    pub(crate) fn pause(&self) {
        self.signal_all("STOP");
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal_all("CONT");
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut shell) = self.running.take() {
            self.signal_all("CONT");
            // The end of the pipe is the end of the server.
            drop(shell.stdin.take());
            let _ = shell.wait();
        }
    }

    /// Starts it again, at the same place with the same data.
    pub(crate) fn restart(&mut self) {
        self.kill();
        assert!(
            self.try_launch(),
            "PostgreSQL did not start again:\n{}",
            self.log()
        );
    }

    /// Breaks every connection to the database, as a failover would.
    pub(crate) fn disconnect_everybody(&self) {
        self.as_admin(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'gate'",
        );
    }

    fn try_launch(&mut self) -> bool {
        let data = self.folder.path().join("data");
        let log = std::fs::File::options()
            .append(true)
            .create(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let script = "\"$@\" </dev/null >&2 & echo $!; read -r _; kill -QUIT $!; wait $!";
        let mut command = as_its_user("sh");
        command.args(["-c", script, "sh"]).arg(program("postgres"));
        command.arg("-D").arg(&data).arg("-k").arg(&data);
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command.args(["-c", "shared_buffers=16MB", "-c", "max_connections=60"]);
        let mut shell = command
            .current_dir(&data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut pid = String::new();
        let mut reader = BufReader::new(shell.stdout.take().unwrap());
        reader.read_line(&mut pid).unwrap();
        self.pid = pid.trim().parse().unwrap();
        self.running = Some(shell);
        let is_up = found("PostgreSQL is ready, or has ended", || {
            let has_ended = !Path::new(&format!("/proc/{}", self.pid)).exists();
            if self.is_ready() {
                return Some(true);
            }
            has_ended.then_some(false)
        });
        if !is_up {
            self.kill();
        }
        is_up
    }

    fn is_ready(&self) -> bool {
        let port = self.port.to_string();
        let status = Command::new(program("pg_isready"))
            .args(["-q", "-p", &port, "-h"])
            .arg(self.folder.path().join("data"))
            .status();
        status.unwrap().success()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn signal_all(&self, name: &str) {
        // The server itself first, so that it starts no other process meanwhile.
        let mut pids = vec![self.pid];
        pids.extend(children_of(self.pid));
        for pid in pids {
            let _ = Command::new("kill")
                .args([&format!("-{name}"), &pid.to_string()])
                .stderr(Stdio::null())
                .status();
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

fn children_of(parent: u32) -> Vec<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// A program of PostgreSQL: the newest that is there, or the one that is found by its name.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let newest = versions
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let version: u32 = folder.file_name()?.to_str()?.parse().ok()?;
            let path = folder.join("bin").join(name);
            path.exists().then_some((version, path))
        })
        .max();
    if let Some((_, path)) = newest {
        return path;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| {
            panic!("there is no PostgreSQL here (`{name}`); `scripts/prepare test` installs it")
        })
}

/// A program that runs as its own user: PostgreSQL does not run as root.
fn as_its_user(name: &str) -> Command {
    let program = if name == "sh" {
        "sh".into()
    } else {
        program(name)
    };
    let mut command = Command::new(program);
    if let Some((user, group)) = other_user() {
        command.uid(user).gid(group);
    }
    command
}

fn give_away(path: &Path) {
    if let Some((user, group)) = other_user() {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

/// The user and group in whose name a server is started by root.
fn other_user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let user = |name: &str| {
        let line = users
            .lines()
            .find(|line| line.starts_with(&format!("{name}:")))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let found = user("postgres").or_else(|| user("nobody"));
    Some(found.expect("a user that is not root"))
}
