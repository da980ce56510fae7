//! Resets a connection whose response has no length and breaks off: an orderly close would end the response.
//!
//! Pingora's stream tells the number of its socket and lends nobody the socket. This crate has no `unsafe`, so the kernel
//! makes the handle: the number goes through a socket pair of this process and comes back as an owned descriptor.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Result};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
use rustix::cmsg_space;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// Makes the close of `socket` a reset, or an orderly close again. The kernel obeys it also if the process is killed.
pub(super) fn reset_on_close(socket: RawFd, resets: bool) -> Result<()> {
    let linger = resets.then_some(Duration::ZERO);
    set_socket_linger(duplicate(socket)?, linger)?;
    Ok(())
}

/// Another descriptor of the same socket.
fn duplicate(socket: RawFd) -> Result<OwnedFd> {
    let (sending, receiving) = UnixStream::pair()?;
    sendmsg::<UnixAddr>(
        sending.as_raw_fd(),
        &[IoSlice::new(&[0])],
        &[ControlMessage::ScmRights(&[socket])],
        MsgFlags::empty(),
        None,
    )?;
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    recvmsg(&receiving, &mut bytes, &mut control, FLAGS)?;
    let received = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
        _ => None,
    });
    received.ok_or_else(|| ErrorKind::NotFound.into())
}

/// No child process inherits the descriptor.
#[cfg(target_os = "linux")]
const FLAGS: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(not(target_os = "linux"))]
const FLAGS: RecvFlags = RecvFlags::empty();
