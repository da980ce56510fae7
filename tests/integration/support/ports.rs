//! Ports for servers that take a number and not a socket.

use std::fs::{File, TryLockError};
use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A port that belongs to this process until it ends.
///
/// It lies outside the range of which the kernel takes ports for outgoing connections and for port 0, and a locked file
/// keeps it from other tests. So a server that is stopped gets its port again.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let user = rustix::process::geteuid().as_raw();
    let folder = std::env::temp_dir().join(format!("portcullis-test-ports-{user}"));
    std::fs::create_dir_all(&folder).unwrap();
    let ephemeral = ephemeral_ports();
    let ports: Vec<u16> = (10_240..=u16::MAX)
        .filter(|port| !ephemeral.contains(port))
        .collect();
    let start = usize::try_from(std::process::id()).unwrap() * 31;
    for _ in 0..ports.len() {
        let step = NEXT.fetch_add(1, Ordering::SeqCst);
        let port = ports[(start + step) % ports.len()];
        let lock = File::create(folder.join(port.to_string())).unwrap();
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => continue,
            Err(TryLockError::Error(error)) => panic!("{}: {error}", folder.display()),
        }
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            // The lock goes with the process.
            std::mem::forget(lock);
            return port;
        }
    }
    panic!("every port is in use");
}

fn ephemeral_ports() -> RangeInclusive<u16> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let ports = text.ok().and_then(|text| {
        let mut ports = text.split_whitespace().map(str::parse);
        Some(ports.next()?.ok()?..=ports.next()?.ok()?)
    });
    ports.unwrap_or(32_768..=u16::MAX)
}
