//! Scripts, which Redis executes atomically.

use redis_rs::{Cmd, cmd};
use sha1::{Digest, Sha1};

/// A script that returns a number. Redis caches it under its SHA-1 digest.
#[derive(Clone, Debug)]
pub struct Script {
    name: &'static str,
    code: &'static str,
    digest: String,
}

impl Script {
    /// A script with this source code. `name` appears in error messages.
    pub fn new(name: &'static str, code: &'static str) -> Self {
        Self {
            name,
            code,
            digest: hex::encode(Sha1::digest(code)),
        }
    }

    /// A call of this script with these keys and arguments.
    pub fn on<'a>(&'a self, keys: &'a [Vec<u8>], arguments: &'a [Vec<u8>]) -> Call<'a> {
        Call {
            script: self,
            keys,
            arguments,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn load(&self) -> Cmd {
        let mut command = cmd("SCRIPT");
        command.arg("LOAD").arg(self.code);
        command
    }
}

/// A script with its keys and arguments.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    script: &'a Script,
    keys: &'a [Vec<u8>],
    arguments: &'a [Vec<u8>],
}

impl Call<'_> {
    pub(super) fn digest(&self) -> &str {
        &self.script.digest
    }

    /// The call by digest: `EVALSHA`.
    pub(super) fn by_digest(&self) -> Cmd {
        self.command("EVALSHA", &self.script.digest)
    }

    /// The call with the source code: `EVAL`.
    pub(super) fn by_source(&self) -> Cmd {
        self.command("EVAL", self.script.code)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = cmd(name);
        command.arg(script).arg(self.keys.len());
        for part in self.keys.iter().chain(self.arguments) {
            command.arg(part.as_slice());
        }
        command
    }
}
