//! Faults that a test injects into the background tasks of a real process.
//!
//! Only debug builds have this module, so no release binary can be made to panic. `PORTCULLIS_TEST_FAULTS` names a
//! folder. While it contains a file `<task>.panic`, the task panics at every poll. While it contains `<task>.hang`,
//! the task is not polled.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::OnceLock;
use std::task::Poll;
use std::time::Duration;

/// Runs `work` with the faults that the folder names.
pub(super) async fn with_faults<W: Future>(name: &'static str, work: W) -> W::Output {
    let Some(folder) = folder() else {
        return work.await;
    };
    let (panic, hang) = (file(folder, name, "panic"), file(folder, name, "hang"));
    let mut work = pin!(work);
    loop {
        assert!(!panic.exists(), "fault injected into {name}");
        let polled = std::future::poll_fn(|context| {
            if hang.exists() {
                Poll::Ready(None)
            } else {
                Poll::Ready(Some(work.as_mut().poll(context)))
            }
        });
        if let Some(Poll::Ready(output)) = polled.await {
            return output;
        }
        // Polls again when the work is woken, and checks the folder at an interval.
        let woken = async {
            let mut first = true;
            std::future::poll_fn(|_| {
                if std::mem::take(&mut first) {
                    Poll::Pending
                } else {
                    Poll::Ready(())
                }
            })
            .await;
        };
        let _ = tokio::time::timeout(CHECK_EVERY, woken).await;
    }
}

fn folder() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let folder =
        FOLDER.get_or_init(|| std::env::var_os("PORTCULLIS_TEST_FAULTS").map(PathBuf::from));
    folder.as_deref()
}

fn file(folder: &Path, name: &str, fault: &str) -> PathBuf {
    folder.join(OsString::from(format!("{name}.{fault}")))
}

const CHECK_EVERY: Duration = Duration::from_millis(20);
