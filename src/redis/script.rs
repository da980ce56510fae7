//! What Redis is asked to do: scripts, which it carries out whole or not at all.

use redis_rs::{Cmd, cmd};
use sha1::{Digest, Sha1};

/// A script that answers with a number. Redis keeps it and knows it by its digest.
#[derive(Clone, Debug)]
pub struct Script {
    name: &'static str,
    code: &'static str,
    digest: String,
}

impl Script {
    /// The script with this text, and what people call it.
    pub fn new(name: &'static str, code: &'static str) -> Self {
        Self {
            name,
            code,
            digest: hex::encode(Sha1::digest(code)),
        }
    }

    /// To be carried out on these keys, with these words.
    pub fn on<'a>(&'a self, keys: &'a [Vec<u8>], words: &'a [Vec<u8>]) -> Call<'a> {
        Call {
            script: self,
            keys,
            words,
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

/// A script with what it is carried out on.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    script: &'a Script,
    keys: &'a [Vec<u8>],
    words: &'a [Vec<u8>],
}

impl Call<'_> {
    /// Which script it is.
    pub(super) fn digest(&self) -> &str {
        &self.script.digest
    }

    /// By its digest.
    pub(super) fn known(&self) -> Cmd {
        self.command("EVALSHA", &self.script.digest)
    }

    /// With its text.
    pub(super) fn whole(&self) -> Cmd {
        self.command("EVAL", self.script.code)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = cmd(name);
        command.arg(script).arg(self.keys.len());
        for word in self.keys.iter().chain(self.words) {
            command.arg(word.as_slice());
        }
        command
    }
}
