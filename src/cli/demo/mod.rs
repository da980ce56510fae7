//! `portcullis demo`: the gate at work, on this machine, in a folder that goes away.

mod engine;
mod sender;
mod setup;
mod story;
mod told;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use self::engine::Engine;
use self::told::Told;
use super::failure::Failure;
use super::output;
use super::session::{actor, control};
use crate::app::{Custody, Server, Sockets};
use crate::config::Config;

/// How long it stays.
#[derive(Args, Debug)]
pub(super) struct Demo {
    /// End after the deliveries, with status 0 only if all came out as promised.
    #[arg(long)]
    exit: bool,

    /// The port of the gate; any free one if it is not said.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

impl Demo {
    pub(super) fn run(self) -> Result<String, Failure> {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(other)?
            .block_on(async {
                // From the beginning: whatever ends it, the folder goes away.
                let mut ends = [
                    signal(SignalKind::hangup()).map_err(other)?,
                    signal(SignalKind::interrupt()).map_err(other)?,
                    signal(SignalKind::terminate()).map_err(other)?,
                ];
                let [hang_up, interrupt, terminate] = &mut ends;
                let exit = self.exit;
                tokio::select! {
                    played = self.play() => return played,
                    _ = hang_up.recv() => {}
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if exit {
                    Err(Failure::Other("ended before the last delivery".to_owned()))
                } else {
                    Ok(String::new())
                }
            })
    }

    async fn play(self) -> Result<String, Failure> {
        let folder = tempfile::tempdir().map_err(other)?;
        let engine = Engine::start().await.map_err(other)?;
        let config = Config::parse(
            &folder.path().join("portcullis.toml"),
            &configuration(self.port, &engine),
        )?;
        let limit_bytes = config.gate.max_body_bytes;
        let custody = Custody::open(&config).await?;
        let control = control(&config, &custody);
        let secrets = setup::endpoints(&control, &actor()).await?;
        let sockets = Sockets::bind(&config).map_err(|errors| {
            Failure::Other(errors.first().map(ToString::to_string).unwrap_or_default())
        })?;
        let server = Server::start(config, &custody, sockets, None).await?;
        let (gate, _) = server
            .public
            .first()
            .copied()
            .ok_or_else(|| Failure::Other("the gate has no listener".to_owned()))?;

        let story = story::scenes(&secrets, limit_bytes).map_err(other)?;
        let body_file = folder.path().join("pull_request.json");
        std::fs::write(&body_file, story::PULL_REQUEST).map_err(other)?;
        let mut told = Vec::with_capacity(story.len());
        for scene in &story {
            told.push(scene.tell(gate, &engine).await);
        }
        let kept = told.iter().all(Told::as_promised);
        if self.exit {
            output::print(&table(&told));
        } else {
            let by_hand: Vec<String> = story
                .iter()
                .filter_map(|scene| scene.curl(gate, &body_file))
                .collect();
            output::print(&format!(
                "The same by hand:\n\n{}\n\n{}\n\n\
                 The gate stays up at http://{gate} (health and metrics: http://{}). Ctrl-C ends it.",
                by_hand.join("\n\n"),
                table(&told),
                server.admin
            ));
            std::future::pending::<()>().await;
        }
        server.stop(std::future::pending()).await;
        if kept {
            Ok(String::new())
        } else {
            Err(Failure::Other(
                "not everything came out as promised".to_owned(),
            ))
        }
    }
}

fn configuration(port: u16, engine: &Engine) -> String {
    format!(
        "[public]\nhttp = \"127.0.0.1:{port}\"\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n\
         [upstreams.default]\naddresses = [\"{}\"]\n",
        engine.address()
    )
}

fn table(told: &[Told]) -> String {
    let rows: Vec<[String; 5]> = told.iter().map(Told::row).collect();
    output::table(
        ["", "delivery", "answer", "reason", "the backend saw"],
        &rows,
        |column, cell| match (column, cell) {
            (0, "ok") => Some(output::GOOD),
            (0, _) => Some(output::ALARM),
            _ => None,
        },
    )
}

fn other(error: impl std::fmt::Display) -> Failure {
    Failure::Other(error.to_string())
}
