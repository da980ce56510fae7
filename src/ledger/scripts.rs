//! The scripts of the ledger in Redis, their arguments, and how each is tried after a connect.

use super::{ClaimToken, KeyPrefix};
use crate::redis::{ConnectionSetup, Script, ScriptProbe};

/// Tries each script on a unique key that is removed afterwards, so missing permissions show at connect time. One
/// script runs on several slots, because a node of a Redis Cluster does not serve all of them.
pub(super) fn connection_setup(prefix: &KeyPrefix, token: ClaimToken) -> ConnectionSetup {
    let trial = |script, hash_tag: &str, arguments| ScriptProbe {
        script,
        keys: vec![format!("{prefix}{{{hash_tag}}}{:016x}", token.0).into_bytes()],
        words: arguments,
    };
    let (holder, second, zero) = (holder(token), milliseconds(1000), milliseconds(0));
    let permits = |script, arguments| ScriptProbe {
        keys: (0..3)
            .map(|part| format!("{prefix}{{trial}}{:016x}:{part}", token.0).into_bytes())
            .collect(),
        ..trial(script, "trial", arguments)
    };
    // The second call asks for the only permit and has to queue.
    let permit = vec![
        holder.clone(),
        b"1".to_vec(),
        second.clone(),
        second.clone(),
    ];
    let mut trials = vec![
        trial(0, "trial", vec![holder.clone(), second.clone()]),
        trial(1, "trial", vec![zero]),
        permits(3, permit),
        permits(4, vec![holder.clone()]),
    ];
    let hash_tags = ["trial", "0", "1", "2", "3", "4", "5", "6", "7"];
    trials.extend(hash_tags.map(|hash_tag| trial(2, hash_tag, vec![holder.clone()])));
    let scripts = scripts().to_vec();
    ConnectionSetup { scripts, trials }
}

/// In this order: claim, commit, release, permit, leave.
pub(super) fn scripts() -> [Script; 5] {
    [
        Script::new("the script `claim`", include_str!("scripts/claim.lua")),
        Script::new("the script `commit`", include_str!("scripts/commit.lua")),
        Script::new("the script `release`", include_str!("scripts/release.lua")),
        Script::new("the script `permit`", include_str!("scripts/permit.lua")),
        Script::new("the script `leave`", include_str!("scripts/leave.lua")),
    ]
}

pub(super) fn holder(token: ClaimToken) -> Vec<u8> {
    format!("{:016x}", token.0).into_bytes()
}

/// Milliseconds, capped at what Redis accepts and Lua represents exactly.
pub(super) fn milliseconds(time: u128) -> Vec<u8> {
    time.min(1 << 52).to_string().into_bytes()
}
