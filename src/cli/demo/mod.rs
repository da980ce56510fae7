//! `portcullis demo`: runs a gate in a temporary folder and sends real deliveries to it.

mod engine;
mod scenarios;
mod sender;
mod setup;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use self::engine::Engine;
use self::scenarios::{PULL_REQUEST, SceneResult};
use super::failure::Failure;
use super::output;
use super::session::{actor, control};
use crate::app::{Backends, Server, Sockets};
use crate::config::Config;

/// Options of `demo`.
#[derive(Args, Debug)]
pub(super) struct Demo {
    /// Exit after the deliveries, with code 0 only if all results are as expected.
    #[arg(long)]
    exit: bool,

    /// The port of the gate; 0 chooses a free one.
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
                // The handlers come first, so that every signal still removes the folder.
                let mut signals = [
                    signal(SignalKind::hangup()).map_err(other)?,
                    signal(SignalKind::interrupt()).map_err(other)?,
                    signal(SignalKind::terminate()).map_err(other)?,
                ];
                let [hang_up, interrupt, terminate] = &mut signals;
                let exit = self.exit;
                tokio::select! {
                    result = self.play() => return result,
                    _ = hang_up.recv() => {}
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if exit {
                    Err(Failure::Other(
                        "demo: interrupted before the last delivery".to_owned(),
                    ))
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
        let backends = Backends::open(&config).await?;
        let control = control(&config, &backends);
        let secrets = setup::endpoints(&control, &actor()).await?;
        let sockets = Sockets::bind(&config).map_err(|errors| {
            Failure::Other(errors.first().map(ToString::to_string).unwrap_or_default())
        })?;
        let server = Server::start(config, &backends, sockets, None).await?;
        let (gate, _) = server
            .public
            .first()
            .copied()
            .ok_or_else(|| Failure::Other("demo: the gate has no listener".to_owned()))?;

        let scenes = scenarios::scenes(&secrets, limit_bytes).map_err(other)?;
        let body_file = folder.path().join("pull_request.json");
        std::fs::write(&body_file, PULL_REQUEST).map_err(other)?;
        let mut results = Vec::with_capacity(scenes.len());
        for scene in &scenes {
            results.push(scene.run(gate, &engine).await);
        }
        let all_as_expected = results.iter().all(SceneResult::as_expected);
        if self.exit {
            output::print(&table(&results));
        } else {
            let by_hand: Vec<String> = scenes
                .iter()
                .filter_map(|scene| scene.curl(gate, &body_file))
                .collect();
            output::print(&format!(
                "Send the same deliveries by hand:\n\n{}\n\n{}\n\n\
                 The gate runs at http://{gate} (health and metrics: http://{}). Press Ctrl-C to stop it.",
                by_hand.join("\n\n"),
                table(&results),
                server.admin
            ));
            std::future::pending::<()>().await;
        }
        server.stop(std::future::pending()).await;
        if all_as_expected {
            Ok(String::new())
        } else {
            Err(Failure::Other(
                "demo: at least one result is not as expected".to_owned(),
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

fn table(results: &[SceneResult]) -> String {
    let rows: Vec<[String; 5]> = results.iter().map(SceneResult::row).collect();
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
