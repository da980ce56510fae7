//! `portcullis serve`: starts the gate, waits for a signal, and drains.

use std::path::Path;

use rustix::process::{Resource, Signal, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;
use tracing_subscriber::EnvFilter;

use super::failure::Failure;
use super::output;
use crate::app::{Backends, Server, Sockets};
use crate::config::{Config, LogConfig};
use crate::telemetry::{AccessLog, LineWriter, Stream, log_panics};

/// Serves until a signal. Prints no result.
pub(super) fn serve(path: &Path) -> Result<String, Failure> {
    let config = Config::load(path)?;
    let (diagnostics, _written_at_the_end) = LineWriter::start(Stream::Stderr).map_err(other)?;
    start_log(&config.log, diagnostics.clone());
    log_panics();
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, files) {
        warn!(%error, "cannot raise the limit of open files");
    }
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.server.threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(error.to_string()))?
        .block_on(run(config, &diagnostics))
}

async fn run(config: Config, diagnostics: &LineWriter) -> Result<String, Failure> {
    // The handlers come first, so that an early signal is not lost.
    let mut terminate = signal(SignalKind::terminate()).map_err(other)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(other)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(other)?;
    // With a handler, a file at its size limit (`ulimit -f`) is a write error, as a full disk is. Without one, the
    // signal ends the process.
    let _file_too_large = signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map_err(other)?;
    let sockets = Sockets::bind(&config).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Failure::Other(errors.join("\n"))
    })?;
    let backends = Backends::open(&config).await?;
    let (log, _flushed_at_the_end) = if config.log.access {
        let (lines, guard) = LineWriter::start(Stream::Stdout).map_err(other)?;
        (Some(AccessLog::new(lines)), Some(guard))
    } else {
        (None, None)
    };
    let server = Server::start(config, &backends, sockets, log).await?;
    announce(&server, diagnostics);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => warn!("SIGHUP is ignored: the configuration is read at startup only"),
        }
    }
    // The second interrupt cuts off deliveries in flight, the third one ends the process at once.
    let mut third = signal(SignalKind::interrupt()).map_err(other)?;
    let cut_off = async {
        interrupt.recv().await;
    };
    let at_once = async {
        third.recv().await;
        third.recv().await;
    };
    let is_complete = tokio::select! {
        is_complete = server.stop(cut_off) => is_complete,
        () = at_once => false,
    };
    backends.close().await;
    if is_complete {
        Ok(String::new())
    } else {
        Err(Failure::Other(
            "deliveries in flight were cut off before they finished; raise `server.shutdown_grace` to wait longer".to_owned(),
        ))
    }
}

/// Writes the listening addresses at every log level, because scripts wait for these lines.
fn announce(server: &Server, diagnostics: &LineWriter) {
    let write = |text: String| diagnostics.line(text.into_bytes());
    for (address, tls) in &server.public {
        let scheme = if *tls { "https" } else { "http" };
        write(format!(
            "portcullis {VERSION}: deliveries at {scheme}://{address}\n"
        ));
    }
    if let Some((address, tls)) = server.console {
        let scheme = if tls { "https" } else { "http" };
        write(format!(
            "portcullis {VERSION}: console at {scheme}://{address}\n"
        ));
    }
    write(format!(
        "portcullis {VERSION}: health and metrics at http://{}\n",
        server.admin
    ));
}

fn start_log(config: &LogConfig, lines: LineWriter) {
    // The other levels of these crates describe their internals. A lost connection is logged once, by its user.
    let filter = format!(
        "{},aws_=warn,hyper_util=warn,pingora_core=error,sqlx=warn,sqlx_core::pool=error",
        config.level
    );
    // Colours only on a terminal, and not with NO_COLOR (https://no-color.org).
    let colours = output::stderr_is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = tracing_subscriber::fmt()
        // `EnvFilter` would print a filter that it cannot parse. The level comes from a closed list.
        .with_env_filter(EnvFilter::try_new(filter).unwrap_or_default())
        .with_ansi(colours)
        // A failure to write the log is not printed either.
        .log_internal_errors(false)
        .with_writer(move || lines.clone());
    // A second call, as in a test, keeps the first subscriber.
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
