//! The command line: one file per group of commands.
//!
//! A command gives text for standard output or a failure; this file prints either and exits. Standard
//! output carries results only, so that it can be piped; everything else goes to standard error.

mod apply;
mod audit;
mod capture;
mod check;
mod client;
mod confirm;
mod demo;
mod draft_token;
mod endpoint;
mod examples;
mod explain;
mod failure;
mod flow;
mod handshakes;
mod init;
mod outgoing;
mod output;
mod plan;
mod presets;
mod request;
mod rewrap;
mod secret;
mod secret_bind;
mod secret_status;
mod secret_value;
mod send;
mod serve;
mod session;
mod sign;
mod store;
mod token;
mod wrong;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use jiff::Timestamp;

use self::failure::Failure;
use self::session::{Access, Session};
use crate::auth::{Mode, NoScheme, Scheme};

/// A gate in front of a private backend: proves every webhook delivery over its exact bytes before one
/// packet goes inside.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version = env!("PORTCULLIS_VERSION"), after_help = EXIT_CODES)]
struct Cli {
    /// The configuration file.
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        default_value = "portcullis.toml",
        env = "PORTCULLIS_CONFIG"
    )]
    config: PathBuf,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a configuration, a store and a key in a folder.
    Init(init::Init),
    /// Take deliveries until SIGTERM or SIGINT.
    Serve,
    /// Look for every mistake in the configuration and in what it points to.
    Check(check::Check),
    /// Show the gate at work: a sample backend, two endpoints, real deliveries.
    Demo(demo::Demo),
    /// Create, change and look at endpoints.
    #[command(subcommand)]
    Endpoint(Box<endpoint::EndpointCommand>),
    /// Make the store hold the endpoints, or the flow, that a file declares.
    Apply(Box<apply::Apply>),
    /// Release, promote and roll back flows, and look at them.
    #[command(subcommand)]
    Flow(flow::FlowCommand),
    /// Show how providers sign.
    #[command(subcommand)]
    Presets(presets::PresetsCommand),
    /// Show what providers ask before they deliver, and what they get to hear.
    #[command(subcommand)]
    Handshakes(handshakes::HandshakesCommand),
    /// Reveal, rotate and set secrets, and move them to another key.
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Make, list and revoke tokens of workspaces: what drafts ask of whoever delivers to them.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Print a correctly signed request for an endpoint or a preset.
    Sign(Box<sign::Sign>),
    Send(Box<send::Send>),
    /// Look at refused deliveries that the gate has kept.
    #[command(subcommand)]
    Capture(capture::CaptureCommand),
    Explain(Box<explain::Explain>),
    /// Look at who did what.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Bring the schema of the store up to date, copy the store into another one, or back it up.
    #[command(subcommand)]
    Store(store::StoreCommand),
}

/// Every command, with its options and an example.
pub fn command() -> clap::Command {
    examples::add_to(Cli::command())
}

/// Runs the program.
pub fn main() -> ExitCode {
    keep_memory_private();
    let parsed = Cli::from_arg_matches_mut(&mut command().get_matches());
    match run(parsed.unwrap_or_else(|error| error.exit())) {
        Ok(text) => {
            output::print(&text);
            match output::write_failure() {
                None => ExitCode::SUCCESS,
                Some(failure) => {
                    output::print_error(&failure);
                    failure.exit_code()
                }
            }
        }
        Err(failure) => {
            if !matches!(failure, Failure::WouldChange) {
                output::print_error(&failure);
            }
            failure.exit_code()
        }
    }
}

fn run(cli: Cli) -> Result<String, Failure> {
    let config = cli.config;
    match cli.command {
        Command::Serve => serve::serve(&config),
        Command::Demo(demo) => demo.run(),
        Command::Presets(command) => command.run(),
        Command::Handshakes(command) => command.run(),
        Command::Explain(explain) => explain.run(&config),
        Command::Sign(sign) => sign.run(&config),
        Command::Send(send) => send.run(&config),
        Command::Init(init) => brief(init.run()),
        Command::Check(check) => brief(check.run(&config)),
        Command::Store(command) => brief(command.run(&config)),
        Command::Endpoint(command) => {
            in_session(&config, command.access(), async |it| command.run(it).await)
        }
        Command::Apply(apply) if apply.is_offline() => apply.run_offline(&config),
        Command::Apply(apply) => {
            in_session(&config, apply.access(), async |it| apply.run(it).await)
        }
        Command::Flow(command) => {
            in_session(&config, command.access(), async |it| command.run(it).await)
        }
        Command::Secret(command) => {
            in_session(&config, command.access(), async |it| command.run(it).await)
        }
        Command::Token(command) => {
            in_session(&config, command.access(), async |it| command.run(it).await)
        }
        Command::Capture(command) => {
            in_session(&config, Access::Read, async |it| command.run(it).await)
        }
        Command::Audit(command) => {
            in_session(&config, Access::Read, async |it| command.run(it).await)
        }
    }
}

/// Runs a command that works on what a configuration names, and closes it properly whatever happens.
fn in_session(
    config: &Path,
    access: Access,
    command: impl AsyncFnOnce(&Session) -> Result<String, Failure>,
) -> Result<String, Failure> {
    brief(async {
        let session = Session::open(config, access).await?;
        let result = command(&session).await;
        session.custody.close().await;
        result
    })
}

/// Runs a command that does its work and ends, on one thread.
fn brief(command: impl Future<Output = Result<String, Failure>>) -> Result<String, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(error.to_string()))?
        .block_on(command)
}

/// A scheme by the name of a preset, or of a mode that needs nothing but a secret.
fn preset(name: &str) -> Result<Scheme, Failure> {
    let mode = name.parse().ok().filter(|mode: &Mode| !mode.takes_preset());
    let scheme = match mode {
        Some(mode) => mode.plain_scheme(None),
        None => Mode::Provider.plain_scheme(Some(name)),
    };
    match scheme {
        Ok(Some(scheme)) => Ok(scheme),
        Ok(None) | Err(NoScheme::UnknownPreset) => {
            Err(Failure::NotFound(format!("there is no preset `{name}`")))
        }
        Err(error) => Err(Failure::Other(format!(
            "{error}; only an endpoint can say that (`--setting`)"
        ))),
    }
}

/// A time, as RFC 3339 or in seconds since 1970.
fn at(text: &str) -> Result<Timestamp, String> {
    let number = text
        .parse()
        .ok()
        .and_then(|it| Timestamp::from_second(it).ok());
    number.or_else(|| text.parse().ok()).ok_or_else(|| {
        "expected a time such as 2026-11-22T10:00:00Z, or seconds since 1970".to_owned()
    })
}

/// Keeps what is in memory, secrets among it, out of core dumps and from other processes of the user.
fn keep_memory_private() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Without it the program works as well, and is as exposed as any other one.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  not done, for a reason that standard error tells
  2  the command line is wrong
  3  the configuration or a declaration is wrong; every mistake is listed
  4  there is no such endpoint, flow or secret
  5  the store or the key service does not do its work
  6  `apply --dry-run --exit-code`: the store would change";
