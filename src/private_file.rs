//! Files with secrets belong to the user of the process or to root. Any other owner can read and replace them, whatever
//! their mode says.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// A file that belongs to another user.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "belongs to another user (id {owner}, this process runs as {user}): run `chown {user}` on it, or run Portcullis as its \
     owner"
)]
pub(crate) struct ForeignOwnerError {
    /// The user id of its owner.
    pub(crate) owner: u32,
    /// The user id of the process.
    pub(crate) user: u32,
}

/// Refuses a file that belongs to another user.
pub(crate) fn check_owner(found: &Metadata) -> Result<(), ForeignOwnerError> {
    let (owner, user) = (found.uid(), rustix::process::geteuid().as_raw());
    if may_own(owner, user) {
        Ok(())
    } else {
        Err(ForeignOwnerError { owner, user })
    }
}

/// True if `user` may trust a file of `owner`: its own, or one of root.
const fn may_own(owner: u32, user: u32) -> bool {
    owner == user || owner == ROOT
}

const ROOT: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_may_belong_to_the_user_of_the_process_or_to_root() {
        for (owner, user, allowed) in [
            (1000, 1000, true),
            (0, 1000, true),
            (0, 0, true),
            (1001, 1000, false),
            // Root must not trust a file that another user can change.
            (1000, 0, false),
        ] {
            assert_eq!(may_own(owner, user), allowed, "{owner} {user}");
        }
    }
}
