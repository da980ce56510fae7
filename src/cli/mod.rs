//! The command line: one file or folder per group of commands.
//!
//! A command returns text for standard output or a failure; this file prints either of them and exits.
//! Standard output carries results only, so that it can be piped. Notes and errors go to standard error.

mod apply;
mod audit;
mod capture;
mod check;
mod client;
mod confirm;
mod console;
mod demo;
mod draft_token;
mod endpoint;
mod examples;
mod explain;
mod failure;
mod flow;
mod handshakes;
mod init;
mod operator;
mod outgoing;
mod output;
mod plan;
mod presets;
mod secret;
mod send;
mod serve;
mod session;
mod sign;
mod store;
mod tamper;
mod token;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use jiff::Timestamp;

use self::failure::Failure;
use self::session::{Access, Session};
use crate::auth::{Mode, Scheme, SchemeError};

/// Verify webhook deliveries in front of a private backend.
///
/// The gate verifies each delivery over its exact bytes before it sends anything to the backend.
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
    /// Run the gate until SIGTERM or SIGINT.
    ///
    /// The signal starts a drain: deliveries in flight may finish within `server.shutdown_grace`.
    Serve,
    /// Check the configuration, the store and the key.
    ///
    /// Every mistake is listed at once, with its file, line and key.
    Check(check::Check),
    /// Run a demonstration with a sample backend.
    ///
    /// It starts a gate with three endpoints in a temporary folder and sends real deliveries.
    Demo(demo::Demo),
    /// Manage endpoints.
    #[command(subcommand)]
    Endpoint(Box<endpoint::EndpointCommand>),
    /// Apply endpoint or flow declarations from a file.
    ///
    /// All or nothing, and idempotent: a second run of the same file changes nothing.
    Apply(Box<apply::Apply>),
    /// Manage flows: release, promote, roll back.
    #[command(subcommand)]
    Flow(flow::FlowCommand),
    /// Show signature presets of providers.
    #[command(subcommand)]
    Presets(presets::PresetsCommand),
    /// Show provider challenges and their answers.
    #[command(subcommand)]
    Handshakes(handshakes::HandshakesCommand),
    /// Manage secrets: reveal, rotate, set, bind, rewrap.
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    /// Manage workspace tokens.
    ///
    /// A draft endpoint can require such a token from its senders.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Manage operators: tokens and sessions.
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    /// Manage sign-ins at the console.
    #[command(subcommand)]
    Console(console::ConsoleCommand),
    /// Print a signed request for an endpoint or a preset.
    Sign(Box<sign::Sign>),
    Send(Box<send::Send>),
    /// Show refused deliveries that the gate keeps.
    #[command(subcommand)]
    Capture(capture::CaptureCommand),
    Explain(Box<explain::Explain>),
    /// Show and verify the audit log.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Manage stores: migrate, copy, back up.
    #[command(subcommand)]
    Store(store::StoreCommand),
}

/// The command tree, with the options and an example of every command.
pub fn command() -> clap::Command {
    examples::add_to(Cli::command())
}

/// Parses the arguments, runs the command, and returns its exit code.
pub fn main() -> ExitCode {
    keep_memory_private();
    let matches = command().try_get_matches();
    let parsed = matches.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    let cli = match parsed {
        Ok(cli) => cli,
        // A mistake in the arguments, or a request for help. Both quote text from outside.
        Err(answer) => return output::print_usage(&answer),
    };
    match run(cli) {
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
        Command::Init(init) => run_short(init.run()),
        Command::Check(check) => run_short(check.run(&config)),
        Command::Store(command) => run_short(command.run(&config)),
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
        Command::Operator(command) => {
            in_session(&config, command.access(), async |it| command.run(it).await)
        }
        Command::Console(command) => {
            in_session(&config, Access::Write, async |it| command.run(it).await)
        }
        Command::Capture(command) => {
            in_session(&config, Access::Read, async |it| command.run(it).await)
        }
        Command::Audit(command) => {
            in_session(&config, Access::Read, async |it| command.run(it).await)
        }
    }
}

/// Runs a command on the backends of the configuration, and closes the store afterwards, also on failure.
fn in_session(
    config: &Path,
    access: Access,
    command: impl AsyncFnOnce(&Session) -> Result<String, Failure>,
) -> Result<String, Failure> {
    run_short(async {
        let session = Session::open(config, access).await?;
        let result = command(&session).await;
        session.backends.close().await;
        result
    })
}

/// Runs a short command to completion on one thread.
fn run_short(command: impl Future<Output = Result<String, Failure>>) -> Result<String, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Other(error.to_string()))?
        .block_on(command)
}

/// The scheme of a preset, or of a mode whose only setting is a secret.
fn preset(name: &str) -> Result<Scheme, Failure> {
    let mode = name.parse().ok().filter(|mode: &Mode| !mode.takes_preset());
    let scheme = match mode {
        Some(mode) => mode.plain_scheme(None),
        None => Mode::Provider.plain_scheme(Some(name)),
    };
    match scheme {
        Ok(Some(scheme)) => Ok(scheme),
        Ok(None) | Err(SchemeError::UnknownPreset) => Err(Failure::NotFound(format!(
            "preset `{name}` does not exist; list them with: portcullis presets list"
        ))),
        Err(error) => Err(Failure::Other(format!(
            "preset `{name}`: {error}. Use an endpoint that sets it with `--setting`"
        ))),
    }
}

/// Parses a time in RFC 3339 or in seconds since 1970.
fn at(text: &str) -> Result<Timestamp, String> {
    let number = text
        .parse()
        .ok()
        .and_then(|it| Timestamp::from_second(it).ok());
    number.or_else(|| text.parse().ok()).ok_or_else(|| {
        "expected a time such as 2026-11-22T10:00:00Z, or seconds since 1970".to_owned()
    })
}

/// Keeps secrets in memory out of core dumps and away from other processes of the same user.
fn keep_memory_private() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // If the call fails, the program still works, with the usual exposure of a process.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  refused or failed; standard error says why
  2  invalid command line
  3  invalid configuration or declaration; every mistake is listed
  4  endpoint, flow, secret or another named object not found
  5  store or key service unavailable
  6  `apply --dry-run --exit-code`: the store would change";
