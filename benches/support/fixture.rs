//! A store, a key and a directory in a temporary folder, as a server has them.

use std::sync::Arc;

use portcullis::app::Backends;
use portcullis::auth::Mode;
use portcullis::config::Config;
use portcullis::directory::{AuthDefinition, Definition, Directory, DirectorySettings};
use portcullis::tokens::TokenCache;
use tempfile::TempDir;

pub(crate) struct Fixture {
    pub(crate) backends: Backends,
    pub(crate) config: Config,
    /// Removed with everything in it when the house is.
    _folder: TempDir,
}

impl Fixture {
    pub(crate) async fn open() -> Self {
        Self::open_with("").await
    }

    /// The same, with more in its configuration.
    pub(crate) async fn open_with(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = format!("[upstreams.default]\naddresses = [\"127.0.0.1:3000\"]\n{more}");
        let config = Config::parse(&folder.path().join("portcullis.toml"), &text);
        let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        Self {
            backends: Backends::open(&config).await.expect("a store"),
            config,
            _folder: folder,
        }
    }

    /// An empty cache of tokens.
    #[allow(dead_code, reason = "not every benchmark has a gate")]
    pub(crate) fn tokens(&self) -> Arc<TokenCache> {
        Arc::new(TokenCache::new(
            10,
            1,
            Arc::clone(&self.backends.store) as _,
        ))
    }

    /// A directory that keeps `capacity` endpoints in memory, and knows which exist.
    pub(crate) async fn directory(&self, capacity: u64) -> Arc<Directory> {
        let directory = Directory::new(
            DirectorySettings {
                capacity,
                store_reads: 4,
                upstream_paths: self.config.upstream_paths.clone(),
                draft_auth: self.config.draft_auth,
            },
            Arc::clone(&self.config.routes),
            Arc::clone(&self.backends.store) as _,
        );
        directory.load().await.expect("the names of the store");
        Arc::new(directory)
    }
}

/// The endpoint of the workflow `name`.
pub(crate) fn definition(name: &str, mode: Mode) -> Definition {
    let id = format!("workflows/{name}").parse().expect("an id");
    let organisation = "acme".parse().expect("a name");
    let workspace = "main".parse().expect("a name");
    Definition {
        auth: Some(AuthDefinition::of(mode)),
        labels: [("team".to_owned(), "payments".to_owned())].into(),
        ..Definition::new(id, organisation, workspace, "default".to_owned())
    }
}
