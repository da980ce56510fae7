//! `portcullis serve`: the gate itself.

use std::path::Path;

use rustix::process::{Resource, Signal, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;
use tracing_subscriber::EnvFilter;

use super::failure::Failure;
use super::output;
use crate::app::{Custody, Server, Sockets};
use crate::config::{Config, LogConfig};
use crate::telemetry::{AccessLog, LineWriter, Stream, log_panics};

/// Serves until a signal, and gives nothing to print.
pub(super) fn serve(path: &Path) -> Result<String, Failure> {
    let config = Config::load(path)?;
    let (diagnostics, _written_at_the_end) = LineWriter::start(Stream::Stderr).map_err(other)?;
    start_log(&config.log, diagnostics.clone());
    log_panics();
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, files) {
        warn!(%error, "the limit of open files stays as it is");
    }
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.server.threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(error.to_string()))?
        .block_on(run(config, &diagnostics))
}

async fn run(config: Config, diagnostics: &LineWriter) -> Result<String, Failure> {
    // Before anything can be sent a signal: one that comes early must not be lost.
    let mut terminate = signal(SignalKind::terminate()).map_err(other)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(other)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(other)?;
    // A file that reaches its limit (`ulimit -f`) is an error of the write, as a full disk is, and not the end of
    // the process.
    let _file_too_large = signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map_err(other)?;
    let sockets = Sockets::bind(&config).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Failure::Other(errors.join("\n"))
    })?;
    let custody = Custody::open(&config).await?;
    let (log, _flushed_at_the_end) = if config.log.access {
        let (lines, guard) = LineWriter::start(Stream::Stdout).map_err(other)?;
        (Some(AccessLog::new(lines)), Some(guard))
    } else {
        (None, None)
    };
    let server = Server::start(config, &custody, sockets, log).await?;
    announce(&server, diagnostics);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => warn!("SIGHUP: the configuration is read at the start only"),
        }
    }
    // It hears the same interrupts: the second one cuts deliveries off, the third one ends everything at once.
    let mut third = signal(SignalKind::interrupt()).map_err(other)?;
    let hurry = async {
        interrupt.recv().await;
    };
    let at_once = async {
        third.recv().await;
        third.recv().await;
    };
    let whole = tokio::select! {
        whole = server.stop(hurry) => whole,
        () = at_once => false,
    };
    custody.close().await;
    if whole {
        Ok(String::new())
    } else {
        Err(Failure::Other(
            "deliveries in flight were cut off".to_owned(),
        ))
    }
}

/// Says where it listens, whatever the level of the log: people and scripts wait for it.
fn announce(server: &Server, diagnostics: &LineWriter) {
    let say = |text: String| diagnostics.line(text.into_bytes());
    for (address, tls) in &server.public {
        let scheme = if *tls { "https" } else { "http" };
        say(format!(
            "portcullis {VERSION}: deliveries at {scheme}://{address}\n"
        ));
    }
    say(format!(
        "portcullis {VERSION}: health and metrics at http://{}\n",
        server.admin
    ));
}

fn start_log(config: &LogConfig, lines: LineWriter) {
    // What these say at other levels is about themselves; that connections are lost is said once, by whoever
    // needs them.
    let filter = format!(
        "{},aws_=warn,hyper_util=warn,pingora_core=error,sqlx=warn,sqlx_core::pool=error",
        config.level
    );
    // Colours are for people: not in a file, and not where NO_COLOR says so (https://no-color.org).
    let colours = output::stderr_is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = tracing_subscriber::fmt()
        // What it cannot parse it would print by itself. The level is one of a list.
        .with_env_filter(EnvFilter::try_new(filter).unwrap_or_default())
        .with_ansi(colours)
        // Nor does it print that it cannot write.
        .log_internal_errors(false)
        .with_writer(move || lines.clone());
    // A second call, as in a test, keeps the first log.
    let _ = if config.json {
        log.json().try_init()
    } else {
        log.try_init()
    };
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn other(error: std::io::Error) -> Failure {
    Failure::Other(error.to_string())
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
