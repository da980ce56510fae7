//! The scripts of the ledger in Redis, what is said to them, and how each of them is tried.

use super::{KeyPrefix, Token};
use crate::redis::{Greeting, Script, Trial};

/// Each script, with a key that nobody else uses and that is gone afterwards: what a user may not do shows
/// here, and not in the first delivery. And one of them in several slots: a node of a cluster, which has not
/// all of them, says so.
pub(super) fn greeting(prefix: &KeyPrefix, token: Token) -> Greeting {
    let trial = |script, place: &str, words| Trial {
        script,
        keys: vec![format!("{prefix}{{{place}}}{:016x}", token.0).into_bytes()],
        words,
    };
    let (holder, second, nothing) = (holder(token), milliseconds(1000), milliseconds(0));
    let permits = |script, words| Trial {
        keys: (0..3)
            .map(|part| format!("{prefix}{{trial}}{:016x}:{part}", token.0).into_bytes())
            .collect(),
        ..trial(script, "trial", words)
    };
    // The second of one permit has to wait for it.
    let wanted = vec![
        holder.clone(),
        b"1".to_vec(),
        second.clone(),
        second.clone(),
    ];
    let mut trials = vec![
        trial(0, "trial", vec![holder.clone(), second.clone()]),
        trial(1, "trial", vec![nothing]),
        permits(3, wanted),
        permits(4, vec![holder.clone()]),
    ];
    let places = ["trial", "0", "1", "2", "3", "4", "5", "6", "7"];
    trials.extend(places.map(|place| trial(2, place, vec![holder.clone()])));
    let scripts = scripts().to_vec();
    Greeting { scripts, trials }
}

/// Claim, commit, release, permit and leave.
pub(super) fn scripts() -> [Script; 5] {
    [
        Script::new("the script `claim`", include_str!("scripts/claim.lua")),
        Script::new("the script `commit`", include_str!("scripts/commit.lua")),
        Script::new("the script `release`", include_str!("scripts/release.lua")),
        Script::new("the script `permit`", include_str!("scripts/permit.lua")),
        Script::new("the script `leave`", include_str!("scripts/leave.lua")),
    ]
}

pub(super) fn holder(token: Token) -> Vec<u8> {
    format!("{:016x}", token.0).into_bytes()
}

/// No longer than Redis can count, and than a number of its scripts is exact.
pub(super) fn milliseconds(time: u128) -> Vec<u8> {
    time.min(1 << 52).to_string().into_bytes()
}
