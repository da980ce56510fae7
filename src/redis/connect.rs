//! Connecting in named steps, so that an error says which step failed.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis_rs::aio::MultiplexedConnection;
use redis_rs::{AsyncConnectionConfig, Cmd, ErrorKind, ProtocolVersion, RedisConnectionInfo, cmd};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::error::answer;
use super::{Eviction, RedisSettings, Script};

/// What happens on every new connection before it is used.
#[derive(Clone, Debug)]
pub struct ConnectionSetup {
    /// Scripts to load, so that later calls send only a digest.
    pub scripts: Vec<Script>,
    /// The calls that try these scripts.
    pub trials: Vec<ScriptProbe>,
}

/// A trial call of a script.
#[derive(Clone, Debug)]
pub struct ScriptProbe {
    /// The index in [`ConnectionSetup::scripts`].
    pub script: usize,
    /// The keys of the call.
    pub keys: Vec<Vec<u8>>,
    /// The arguments of the call.
    pub words: Vec<Vec<u8>>,
}

/// An open connection and the task that drives it.
pub(super) struct NewConnection {
    pub(super) connection: MultiplexedConnection,
    pub(super) driver: JoinHandle<()>,
    pub(super) eviction: Eviction,
}

/// Connects once and tries everything that the gate uses. Returns the eviction policy of the server.
pub async fn inspect(
    settings: &RedisSettings,
    setup: &ConnectionSetup,
) -> Result<Eviction, ConnectError> {
    let connected = connect(settings, setup).await?;
    connected.driver.abort();
    Ok(connected.eviction)
}

/// Why a connection could not be made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name does not resolve.
    #[error("`{host}` does not resolve: {error}")]
    Name {
        /// The host name.
        host: String,
        /// The error of the system.
        error: String,
    },

    /// TCP refused or timed out.
    #[error("cannot connect to {address}: {error}")]
    Socket {
        /// The address.
        address: String,
        /// The error of the system.
        error: String,
    },

    /// The TLS handshake failed.
    #[error("TLS to {host} failed: {error}")]
    Tls {
        /// The name that the certificate must contain.
        host: String,
        /// The cause.
        error: String,
    },

    /// The server answered a step with an error.
    #[error("{step}: {answer}")]
    Refused {
        /// The step.
        step: &'static str,
        /// The answer of the server.
        answer: String,
    },

    /// The timeout ended before the connection could be used.
    #[error("timed out after {limit:?} during {step}")]
    Timeout {
        /// The step that was running.
        step: &'static str,
        /// The timeout for all steps.
        limit: Duration,
    },
}

/// Connects within the configured timeout.
pub(super) async fn connect(
    settings: &RedisSettings,
    setup: &ConnectionSetup,
) -> Result<NewConnection, ConnectError> {
    let limit = settings.connect_timeout;
    let step = Mutex::new("the name resolution");
    let connecting = attempt(settings, setup, &step);
    let connected = tokio::time::timeout(limit, connecting).await;
    connected.unwrap_or_else(|_| {
        let step = *step.lock();
        Err(ConnectError::Timeout { step, limit })
    })
}

async fn attempt(
    settings: &RedisSettings,
    setup: &ConnectionSetup,
    step: &Mutex<&'static str>,
) -> Result<NewConnection, ConnectError> {
    let stream = socket(settings, step).await?;
    let mut connected = match &settings.tls {
        None => multiplex(settings, stream).await?,
        Some(tls) => {
            let wrong = |error: &dyn std::fmt::Display| ConnectError::Tls {
                host: settings.host.clone(),
                error: error.to_string(),
            };
            let name = ServerName::try_from(settings.host.clone()).map_err(|it| wrong(&it))?;
            *step.lock() = "the TLS handshake";
            let connector = TlsConnector::from(Arc::clone(tls));
            let stream = connector.connect(name, stream).await;
            multiplex(settings, stream.map_err(|error| wrong(&error))?).await?
        }
    };
    *step.lock() = "the setup commands";
    match set_up(settings, setup, &mut connected.connection).await {
        Ok(()) => {
            connected.eviction = Eviction::of(&mut connected.connection).await;
            Ok(connected)
        }
        Err(error) => {
            connected.driver.abort();
            Err(error)
        }
    }
}

async fn socket(
    settings: &RedisSettings,
    step: &Mutex<&'static str>,
) -> Result<TcpStream, ConnectError> {
    let (host, port) = (settings.host.as_str(), settings.port);
    let no_address = |error: String| ConnectError::Name {
        host: host.to_owned(),
        error,
    };
    let addresses = tokio::net::lookup_host((host, port)).await;
    let addresses = addresses.map_err(|error| no_address(error.to_string()))?;
    *step.lock() = "the TCP connection";
    let mut last = no_address("the name has no address record".to_owned());
    let addresses: Vec<_> = addresses.collect();
    // An address that swallows packets must not use up the time of the others.
    let share = settings.connect_timeout / u32::try_from(addresses.len().max(1) + 1).unwrap_or(1);
    for address in addresses {
        let connecting = tokio::time::timeout(share, TcpStream::connect(address)).await;
        match connecting.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                // Small requests are sent immediately: claims do not wait for one another.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => {
                last = ConnectError::Socket {
                    address: address.to_string(),
                    error: error.to_string(),
                };
            }
        }
    }
    Err(last)
}

async fn multiplex(
    settings: &RedisSettings,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<NewConnection, ConnectError> {
    // The client library sends nothing by itself: each command here has its own error message.
    let no_setup = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP2)
        .set_skip_set_lib_name();
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(Some(settings.response_timeout))
        .set_pipeline_buffer_size(PIPELINE_BUFFER);
    let opened = MultiplexedConnection::new_with_config(&no_setup, stream, config).await;
    let (connection, driver) = opened.map_err(|error| ConnectError::Refused {
        step: "the connection",
        answer: answer(&error),
    })?;
    Ok(NewConnection {
        connection,
        driver: tokio::spawn(driver),
        eviction: Eviction::None,
    })
}

/// Authenticates, and tries whatever the gate will use.
async fn set_up(
    settings: &RedisSettings,
    setup: &ConnectionSetup,
    connection: &mut MultiplexedConnection,
) -> Result<(), ConnectError> {
    if let Some(password) = &settings.password {
        let mut auth = cmd("AUTH");
        auth.arg(settings.user.as_deref()).arg(password.as_str());
        run_step(connection, "AUTH", &auth).await?;
    }
    if settings.database != 0 {
        run_step(connection, "SELECT", cmd("SELECT").arg(settings.database)).await?;
    }
    run_step(connection, "PING", &cmd("PING")).await?;
    for script in &setup.scripts {
        // Loading may be forbidden. The first call then sends the source code.
        let _ = connection.send_packed_command(&script.load()).await;
    }
    for trial in &setup.trials {
        if let Some(script) = setup.scripts.get(trial.script) {
            // In both forms that are used later. The second call sees the result of the first.
            let call = script.on(&trial.keys, &trial.words);
            run_step(connection, script.name(), &call.by_source()).await?;
            run_step(connection, script.name(), &call.by_digest()).await?;
        }
    }
    Ok(())
}

async fn run_step(
    connection: &mut MultiplexedConnection,
    step: &'static str,
    command: &Cmd,
) -> Result<(), ConnectError> {
    let reply = connection.send_packed_command(command).await;
    match reply.and_then(redis_rs::Value::extract_error) {
        Ok(_) => Ok(()),
        // The server is full or busy for now. The connection works, and each call reports the state itself.
        Err(error) if matches!(error.code(), Some("OOM" | "BUSY" | "MISCONF")) => Ok(()),
        Err(error) => Err(ConnectError::Refused {
            step,
            answer: if error.kind() == ErrorKind::Io && error.is_timeout() {
                "timed out".to_owned()
            } else {
                answer(&error)
            },
        }),
    }
}

/// Calls that may wait to be written.
const PIPELINE_BUFFER: usize = 1024;
