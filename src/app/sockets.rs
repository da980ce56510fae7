//! The listening sockets of a server, bound before anything else starts.

use std::net::TcpListener;

use crate::config::Config;
use crate::proxy::{BoundListener, ListenError, bind};

/// The bound sockets of a server.
pub struct Sockets {
    pub(super) public: Vec<BoundListener>,
    pub(super) admin: TcpListener,
    /// The console, if it is configured.
    pub(super) console: Option<TcpListener>,
}

impl Sockets {
    /// Binds all sockets, or reports every one that cannot be bound.
    pub fn bind(config: &Config) -> Result<Self, Vec<ListenError>> {
        let mut public = Vec::new();
        let mut errors = Vec::new();
        let plain = config.public.http.map(|address| (address, None));
        let tls = config.public.https.as_ref();
        let tls = tls.map(|(address, files)| (*address, Some(files)));
        for (address, tls) in plain.into_iter().chain(tls) {
            match bind(address, tls) {
                Ok(bound) => public.push(bound),
                Err(error) => errors.push(error),
            }
        }
        let mut listen = |address| {
            let socket = TcpListener::bind(address)
                .and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
            socket
                .map_err(|error| {
                    let error = error.to_string();
                    errors.push(ListenError::Address { address, error });
                })
                .ok()
        };
        let admin = listen(config.admin.listen);
        let console = config
            .console
            .as_ref()
            .map(|console| listen(console.listen));
        match admin {
            Some(admin) if errors.is_empty() => Ok(Self {
                public,
                admin,
                console: console.flatten(),
            }),
            _ => Err(errors),
        }
    }
}
