//! A bare Pingora proxy: it forwards, and that is all.

use std::process::ExitCode;

use async_trait::async_trait;
use pingora_core::server::Server;
use pingora_core::server::configuration::ServerConf;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::Result;
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

struct Bare {
    backend: std::net::SocketAddr,
}

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.backend, false, String::new())))
    }
}

/// Serves until it is killed; prints its address first. The backend is in the environment.
pub(crate) fn serve(port: Option<u16>) -> ExitCode {
    let (Some(port), Ok(backend)) = (port, std::env::var("BENCH_BACKEND")) else {
        return ExitCode::FAILURE;
    };
    let backend = backend.parse().expect("an address");
    let mut server = Server::new_with_opt_and_conf(None, ServerConf::default());
    server.bootstrap();
    let address = format!("127.0.0.1:{port}");
    let mut service = http_proxy_service(&server.configuration, Bare { backend });
    service.add_tcp(&address);
    server.add_service(service);
    println!("{address}");
    server.run_forever();
}
