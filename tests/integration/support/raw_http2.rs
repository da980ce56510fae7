//! A sender that writes HTTP/2 frames byte by byte, right ones and wrong ones (RFC 9113 §4, RFC 7541 §6.2).

use std::net::SocketAddr;

use super::Connection;

/// A connection on which a test writes frames of its own.
pub(crate) struct RawHttp2 {
    connection: Connection,
    unread: Vec<u8>,
}

/// How the gate ends a stream, or the connection with it.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum StreamEnd {
    /// The head of a response; the status only where the static table has it.
    Response(Option<u16>),
    Reset(u32),
    /// A GOAWAY, or no more than the end of the connection.
    Connection,
}

impl StreamEnd {
    /// Whether the request was refused, in any of the ways that RFC 9113 §8.1.1 allows.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Response(Some(400)) | Self::Reset(_) | Self::Connection
        )
    }
}

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

impl RawHttp2 {
    /// Connects, and sends the preface without the SETTINGS that belong to it.
    pub(crate) fn without_settings(gate: SocketAddr, authority: &str) -> Self {
        let mut connection = Connection::over_tls_with(gate, authority, &[b"h2"]);
        connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        Self {
            connection,
            unread: Vec::new(),
        }
    }

    /// Connects, and sends the preface and `settings`.
    pub(crate) fn connect(gate: SocketAddr, authority: &str, settings: &[(u16, u32)]) -> Self {
        let mut this = Self::without_settings(gate, authority);
        let settings = settings.iter().flat_map(|(name, value)| {
            let name = name.to_be_bytes();
            name.into_iter().chain(value.to_be_bytes())
        });
        this.frame(4, 0, 0, &settings.collect::<Vec<u8>>());
        this
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    pub(crate) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> &mut Self {
        self.connection
            .write(&frame_bytes(kind, flags, stream, payload));
        self
    }

    /// A whole header block in one frame.
    pub(crate) fn headers(
        &mut self,
        stream: u32,
        last: bool,
        fields: &[(&str, &str)],
    ) -> &mut Self {
        let flags = END_HEADERS | if last { END_STREAM } else { 0 };
        self.frame(1, flags, stream, &block(fields))
    }

    pub(crate) fn data(&mut self, stream: u32, last: bool, bytes: &[u8]) -> &mut Self {
        self.frame(0, u8::from(last), stream, bytes)
    }

    /// The next frame: its kind, flags, stream and payload. `None` at the end of the connection.
    pub(crate) fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        while self.unread.len() < 9 {
            self.unread.extend(self.connection.some()?);
        }
        let len = usize::from(self.unread[0]) << 16
            | usize::from(self.unread[1]) << 8
            | usize::from(self.unread[2]);
        while self.unread.len() < 9 + len {
            self.unread.extend(self.connection.some()?);
        }
        let frame: Vec<u8> = self.unread.drain(..9 + len).collect();
        let stream = u32::from_be_bytes([frame[5], frame[6], frame[7], frame[8]]);
        Some((frame[3], frame[4], stream, frame[9..].to_vec()))
    }

    /// Waits for the end of a stream.
    pub(crate) fn ended(&mut self, stream: u32) -> StreamEnd {
        loop {
            match self.next() {
                None | Some((7, ..)) => return StreamEnd::Connection,
                Some((1, _, on, payload)) if on == stream => {
                    return StreamEnd::Response(match payload.first() {
                        Some(0x88) => Some(200),
                        Some(0x8c) => Some(400),
                        Some(0x8d) => Some(404),
                        _ => None,
                    });
                }
                Some((3, _, on, payload)) if on == stream => {
                    let code = payload.try_into().map(u32::from_be_bytes);
                    return StreamEnd::Reset(code.unwrap());
                }
                Some(_) => {}
            }
        }
    }
}

pub(crate) fn frame_bytes(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header block: literals without indexing, not compressed.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
}

fn text(block: &mut Vec<u8>, text: &str) {
    if text.len() < 127 {
        block.push(u8::try_from(text.len()).unwrap());
    } else {
        block.push(127);
        let mut rest = text.len() - 127;
        while rest >= 128 {
            block.push(u8::try_from(rest % 128).unwrap() | 128);
            rest /= 128;
        }
        block.push(u8::try_from(rest).unwrap());
    }
    block.extend(text.as_bytes());
}
