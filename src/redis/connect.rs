//! The way to a connection that can be used, step by step, so that it can be said which one failed.

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

use super::fault::answer;
use super::{Eviction, RedisSettings, Script};

/// What is done with every new connection before it counts as one.
#[derive(Clone, Debug)]
pub struct Greeting {
    /// Scripts that Redis keeps, so that they need not be sent each time.
    pub scripts: Vec<Script>,
    /// What is tried with them.
    pub trials: Vec<Trial>,
}

/// A script that is tried.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its place among the scripts.
    pub script: usize,
    /// The keys on which it is tried.
    pub keys: Vec<Vec<u8>>,
    /// The words with which it is tried.
    pub words: Vec<Vec<u8>>,
}

/// A connection, and the task that carries it.
pub(super) struct Connected {
    pub(super) connection: MultiplexedConnection,
    pub(super) driver: JoinHandle<()>,
    pub(super) eviction: Eviction,
}

/// Looks whether there is a connection to be had that does everything that will be asked of it, and what
/// becomes of keys when there is no more room.
pub async fn inspect(
    settings: &RedisSettings,
    greeting: &Greeting,
) -> Result<Eviction, ConnectError> {
    let connected = connect(settings, greeting).await?;
    connected.driver.abort();
    Ok(connected.eviction)
}

/// Why there is no connection.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name has no address.
    #[error("`{host}` has no address: {error}")]
    Name {
        /// The name.
        host: String,
        /// What the system answered.
        error: String,
    },

    /// Nobody takes the connection.
    #[error("{address} takes no connection: {error}")]
    Socket {
        /// Where it was tried.
        address: String,
        /// What the system answered.
        error: String,
    },

    /// There is no common ground for TLS.
    #[error("no TLS with {host}: {error}")]
    Tls {
        /// The name that the certificate has to have.
        host: String,
        /// What is wrong.
        error: String,
    },

    /// It takes connections, and says no.
    #[error("{step}: {answer}")]
    Refused {
        /// What it was asked for.
        step: &'static str,
        /// What it answered.
        answer: String,
    },

    /// It took too long.
    #[error("no connection within {limit:?}: {step} did not come to an end")]
    Timeout {
        /// What was waited for.
        step: &'static str,
        /// How long there was for all of it.
        limit: Duration,
    },
}

/// Connects, within the time that there is for it.
pub(super) async fn connect(
    settings: &RedisSettings,
    greeting: &Greeting,
) -> Result<Connected, ConnectError> {
    let limit = settings.connect_timeout;
    let step = Mutex::new("the look-up of the name");
    let connecting = attempt(settings, greeting, &step);
    let connected = tokio::time::timeout(limit, connecting).await;
    connected.unwrap_or_else(|_| {
        let step = *step.lock();
        Err(ConnectError::Timeout { step, limit })
    })
}

async fn attempt(
    settings: &RedisSettings,
    greeting: &Greeting,
    step: &Mutex<&'static str>,
) -> Result<Connected, ConnectError> {
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
            let connector = TlsConnector::from(Arc::clone(&tls.0));
            let stream = connector.connect(name, stream).await;
            multiplex(settings, stream.map_err(|error| wrong(&error))?).await?
        }
    };
    *step.lock() = "the first exchange of words";
    match introduce(settings, greeting, &mut connected.connection).await {
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
    let mut last = no_address("the name is known, and stands for nothing".to_owned());
    let addresses: Vec<_> = addresses.collect();
    // One that swallows packets must not use up the time of the others.
    let share = settings.connect_timeout / u32::try_from(addresses.len().max(1) + 1).unwrap_or(1);
    for address in addresses {
        let connecting = tokio::time::timeout(share, TcpStream::connect(address)).await;
        match connecting.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                // What is small is sent at once: claims do not wait for one another.
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
) -> Result<Connected, ConnectError> {
    // Nothing is said yet: each of our own words has an answer that can be told.
    let silent = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP2)
        .set_skip_set_lib_name();
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(Some(settings.response_timeout))
        .set_pipeline_buffer_size(WAITING);
    let made = MultiplexedConnection::new_with_config(&silent, stream, config).await;
    let (connection, driver) = made.map_err(|error| ConnectError::Refused {
        step: "the connection",
        answer: answer(&error),
    })?;
    Ok(Connected {
        connection,
        driver: tokio::spawn(driver),
        eviction: Eviction::None,
    })
}

/// Says who we are, and looks whether Redis does what it will be asked for.
async fn introduce(
    settings: &RedisSettings,
    greeting: &Greeting,
    connection: &mut MultiplexedConnection,
) -> Result<(), ConnectError> {
    if let Some(password) = &settings.password {
        let mut auth = cmd("AUTH");
        auth.arg(settings.user.as_deref()).arg(password.as_str());
        ask(connection, "AUTH", &auth).await?;
    }
    if settings.database != 0 {
        ask(connection, "SELECT", cmd("SELECT").arg(settings.database)).await?;
    }
    ask(connection, "PING", &cmd("PING")).await?;
    for script in &greeting.scripts {
        // Not everybody may. Then the first use of it brings it along.
        let _ = connection.send_packed_command(&script.load()).await;
    }
    for trial in &greeting.trials {
        if let Some(script) = greeting.scripts.get(trial.script) {
            // In both ways in which it will be sent. The second time finds what the first one has left.
            let call = script.on(&trial.keys, &trial.words);
            ask(connection, script.name(), &call.whole()).await?;
            ask(connection, script.name(), &call.known()).await?;
        }
    }
    Ok(())
}

async fn ask(
    connection: &mut MultiplexedConnection,
    step: &'static str,
    command: &Cmd,
) -> Result<(), ConnectError> {
    let asked = connection.send_packed_command(command).await;
    let asked = asked.and_then(redis_rs::Value::extract_error);
    match asked {
        Ok(_) => Ok(()),
        // It has no room now, or is at work: there is a connection, and each call will hear of it.
        Err(error) if matches!(error.code(), Some("OOM" | "BUSY" | "MISCONF")) => Ok(()),
        Err(error) => Err(ConnectError::Refused {
            step,
            answer: if error.kind() == ErrorKind::Io && error.is_timeout() {
                "no answer in time".to_owned()
            } else {
                answer(&error)
            },
        }),
    }
}

/// Calls that can be waiting to be written.
const WAITING: usize = 1024;
