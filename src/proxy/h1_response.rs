//! Writes HTTP/1.1 responses to a connection (RFC 9112).
//!
//! The head decides how the body is framed. A head with a length waits for the first part of the body, so
//! that both leave in one write. A response that breaks off gives no connection back: the caller drops it,
//! and the sender sees that the end is missing. The connection is reset where its close would be the end.

use std::io::{self, ErrorKind, Write};
use std::os::fd::RawFd;

use bytes::{Buf, Bytes};
use http::{HeaderValue, Method, StatusCode, header};
use pingora_core::protocols::http::date::get_cached_date;
use pingora_http::ResponseHeader;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::raw_head::length_of;
use super::reset::reset_on_close;

/// A response on an HTTP/1 connection.
pub(super) struct Http1Response<S> {
    stream: S,
    /// The number of the stream's socket.
    socket: Option<RawFd>,
    answers_head: bool,
    keep_alive: bool,
    framing: BodyFraming,
    /// What precedes the next part on the wire: the head, or the size of a chunk.
    prefix: Vec<u8>,
    state: State,
}

/// How a response body ends (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum BodyFraming {
    /// With the head.
    NoBody,
    /// After this many further bytes.
    Length(u64),
    Chunked,
    UntilClose,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    New,
    Open,
    /// A write failed or was cancelled, so the sender may have any part of it.
    Failed,
    Complete,
}

impl<S: AsyncWrite + Unpin> Http1Response<S> {
    /// A response to a request with `method`. `keep_alive` is whether another request may follow.
    pub(super) fn new(stream: S, method: &Method, keep_alive: bool) -> Self {
        Self {
            stream,
            socket: None,
            answers_head: *method == Method::HEAD,
            keep_alive,
            framing: BodyFraming::NoBody,
            prefix: Vec::new(),
            state: State::New,
        }
    }

    /// The same, over this socket.
    pub(super) fn on_socket(self, socket: RawFd) -> Self {
        Self {
            socket: Some(socket),
            ..self
        }
    }

    /// Lets no other request follow. It counts for a head that is not written yet.
    pub(super) fn close_after(&mut self) {
        self.keep_alive = false;
    }

    /// Writes the head. The head of a body with a length waits for the first part, or for the end.
    pub(super) async fn head(&mut self, mut head: Box<ResponseHeader>) -> io::Result<()> {
        self.leave(State::New)?;
        self.framing = body_framing(&head, self.answers_head).ok_or(ErrorKind::InvalidData)?;
        self.keep_alive &= self.framing != BodyFraming::UntilClose;
        let connection = if self.keep_alive {
            "keep-alive"
        } else {
            "close"
        };
        let connection = HeaderValue::from_static(connection);
        let date = head.insert_header(header::DATE, get_cached_date());
        date.and_then(|()| head.insert_header(header::CONNECTION, connection))
            .map_err(|_| ErrorKind::InvalidData)?;
        self.reset_on_close(true)?;
        self.prefix.reserve(HEAD_CAPACITY);
        write_head(&mut self.prefix, &head);
        if !matches!(self.framing, BodyFraming::Length(_)) {
            // Its body may be slow to come, or there is none.
            self.write(Bytes::new(), b"").await?;
        }
        self.state = State::Open;
        Ok(())
    }

    /// Writes the next part of the body.
    pub(super) async fn part(&mut self, part: Bytes) -> io::Result<()> {
        self.leave(State::Open)?;
        if !part.is_empty() {
            match &mut self.framing {
                BodyFraming::NoBody => {}
                BodyFraming::Length(left) => {
                    // A body beyond its length would be read as another response.
                    let rest = left.checked_sub(part.len() as u64);
                    *left = rest.ok_or(ErrorKind::InvalidData)?;
                    self.write(part, b"").await?;
                }
                BodyFraming::Chunked => {
                    write!(self.prefix, "{:X}\r\n", part.len())?;
                    self.write(part, CRLF).await?;
                }
                BodyFraming::UntilClose => self.write(part, b"").await?,
            }
        }
        self.state = State::Open;
        Ok(())
    }

    /// Writes the end. Fails if the body is shorter than its length.
    pub(super) async fn end(&mut self) -> io::Result<()> {
        self.leave(State::Open)?;
        match self.framing {
            BodyFraming::Length(1..) => return Err(ErrorKind::UnexpectedEof.into()),
            BodyFraming::Chunked => self.write(Bytes::new(), LAST_CHUNK).await?,
            _ => self.write(Bytes::new(), b"").await?,
        }
        self.reset_on_close(false)?;
        self.state = State::Complete;
        Ok(())
    }

    /// Gives the response up. Sends a head that waits, so that the sender sees a truncated response and does not
    /// take it for none.
    pub(super) async fn abandon(&mut self) -> io::Result<()> {
        self.leave(State::Open)?;
        self.write(Bytes::new(), b"").await
    }

    /// The connection after a response that was written to its end, and whether another request may follow.
    pub(super) fn into_stream(self) -> Option<(S, bool)> {
        (self.state == State::Complete).then_some((self.stream, self.keep_alive))
    }

    /// Makes the close of the connection a reset while a response without a length is not complete.
    fn reset_on_close(&self, resets: bool) -> io::Result<()> {
        match (self.framing, self.socket) {
            (BodyFraming::UntilClose, Some(socket)) => reset_on_close(socket, resets),
            _ => Ok(()),
        }
    }

    /// Leaves `state` for a step. A step that fails, or that is dropped half-way, leaves the response failed.
    fn leave(&mut self, state: State) -> io::Result<()> {
        if std::mem::replace(&mut self.state, State::Failed) == state {
            Ok(())
        } else {
            Err(ErrorKind::InvalidInput.into())
        }
    }

    /// Writes what precedes a part, the part, and what follows it, in one write if the stream takes all of it.
    async fn write(&mut self, part: Bytes, suffix: &'static [u8]) -> io::Result<()> {
        let mut bytes = self.prefix.as_slice().chain(part).chain(suffix);
        self.stream.write_all_buf(&mut bytes).await?;
        self.prefix.clear();
        self.stream.flush().await
    }
}

/// Asks the sender for the body that it holds back (RFC 9110 §10.1.1).
pub(super) async fn write_continue(stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    stream.write_all(CONTINUE).await?;
    stream.flush().await
}

/// How the body ends; `None` for a head that is not final, or that two readers could frame differently.
fn body_framing(head: &ResponseHeader, answers_head: bool) -> Option<BodyFraming> {
    let status = head.status;
    if status.is_informational() {
        return None;
    }
    let mut codings = head.headers.get_all(header::TRANSFER_ENCODING).iter();
    let mut lengths = head.headers.get_all(header::CONTENT_LENGTH).iter();
    let framing = match (codings.next(), lengths.next()) {
        (None, None) => BodyFraming::UntilClose,
        (None, Some(length)) => BodyFraming::Length(length_of(length.as_bytes())?),
        (Some(coding), None) if coding == "chunked" => BodyFraming::Chunked,
        _ => return None,
    };
    if codings.next().is_some() || lengths.next().is_some() {
        return None;
    }
    let has_no_body = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    Some(if answers_head || has_no_body {
        BodyFraming::NoBody
    } else {
        framing
    })
}

fn write_head(out: &mut Vec<u8>, head: &ResponseHeader) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(head.status.as_str().as_bytes());
    out.push(b' ');
    // Names and values cannot have a line end in them. A phrase is a string, which could.
    let phrase = head
        .get_reason_phrase()
        .filter(|phrase| !phrase.bytes().any(|byte| byte.is_ascii_control()));
    out.extend_from_slice(phrase.unwrap_or_default().as_bytes());
    out.extend_from_slice(CRLF);
    head.header_to_h1_wire(out);
    out.extend_from_slice(CRLF);
}

/// Most heads fit, so they take one allocation.
const HEAD_CAPACITY: usize = 512;
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const CRLF: &[u8] = b"\r\n";
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use http::Version;
    use proptest::prelude::*;

    use super::*;

    /// A connection that keeps every write. It takes at most `limit` bytes of each, after it was pending once.
    struct Recorder {
        writes: Vec<Vec<u8>>,
        flushed: usize,
        limit: usize,
        is_ready: bool,
    }

    impl Recorder {
        fn new(limit: usize) -> Self {
            Self {
                writes: Vec::new(),
                flushed: 0,
                limit,
                is_ready: false,
            }
        }

        fn take(&mut self, context: &Context<'_>, bytes: &[&[u8]]) -> Poll<io::Result<usize>> {
            self.is_ready = !self.is_ready;
            if !self.is_ready {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let mut bytes = bytes.concat();
            bytes.truncate(self.limit);
            let len = bytes.len();
            self.writes.push(bytes);
            Poll::Ready(Ok(len))
        }
    }

    impl AsyncWrite for Recorder {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.take(context, &[bytes])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            parts: &[io::IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
            self.take(context, &parts)
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.flushed = self.writes.len();
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn head(status: u16, headers: &[(&'static str, &str)]) -> Box<ResponseHeader> {
        let mut head = ResponseHeader::build(status, None).unwrap();
        for (name, value) in headers {
            head.append_header(*name, *value).unwrap();
        }
        Box::new(head)
    }

    /// The text of `writes`, with `-` for the date, which has to be one.
    fn text(writes: &[Vec<u8>]) -> String {
        let text = String::from_utf8(writes.concat()).unwrap();
        let Some((before, date)) = text.split_once("\r\nDate: ") else {
            return text;
        };
        let (date, after) = date.split_once("\r\n").unwrap();
        assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
        format!("{before}\r\nDate: -\r\n{after}")
    }

    const LENGTH: &[(&str, &str)] = &[("Content-Length", "5")];
    const CHUNKS: &[(&str, &str)] = &[("Transfer-Encoding", "chunked")];

    /// A response, and the bytes that it has on the wire.
    struct Case {
        method: Method,
        keep_alive: bool,
        head: Box<ResponseHeader>,
        parts: &'static [&'static str],
        wire: &'static str,
        is_kept: bool,
    }

    fn cases() -> Vec<Case> {
        let case = |head, parts, wire| Case {
            method: Method::POST,
            keep_alive: true,
            head,
            parts,
            wire,
            is_kept: true,
        };
        vec![
            case(
                head(202, LENGTH),
                &["hello"],
                "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\nDate: -\r\nConnection: keep-alive\r\n\r\nhello",
            ),
            case(
                head(202, LENGTH),
                &["", "he", "", "llo"],
                "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\nDate: -\r\nConnection: keep-alive\r\n\r\nhello",
            ),
            case(
                head(401, &[("Content-Length", "0")]),
                &[],
                "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nDate: -\r\nConnection: keep-alive\r\n\r\n",
            ),
            Case {
                keep_alive: false,
                is_kept: false,
                ..case(
                    head(400, &[("Content-Length", "0")]),
                    &[],
                    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nDate: -\r\nConnection: close\r\n\r\n",
                )
            },
            case(
                head(200, CHUNKS),
                &["0123456789abcdef", "", "end"],
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: -\r\nConnection: keep-alive\r\n\r\n\
                 10\r\n0123456789abcdef\r\n3\r\nend\r\n0\r\n\r\n",
            ),
            case(
                head(200, CHUNKS),
                &[],
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: -\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n",
            ),
            // Without length and chunks only the end of the connection ends the body.
            Case {
                is_kept: false,
                ..case(
                    head(200, &[]),
                    &["he", "", "llo"],
                    "HTTP/1.1 200 OK\r\nDate: -\r\nConnection: close\r\n\r\nhello",
                )
            },
            case(
                head(204, &[]),
                &["dropped", "dropped"],
                "HTTP/1.1 204 No Content\r\nDate: -\r\nConnection: keep-alive\r\n\r\n",
            ),
            case(
                head(304, &[]),
                &["dropped"],
                "HTTP/1.1 304 Not Modified\r\nDate: -\r\nConnection: keep-alive\r\n\r\n",
            ),
            Case {
                method: Method::HEAD,
                ..case(
                    head(405, LENGTH),
                    &["he", "llo"],
                    "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 5\r\nDate: -\r\nConnection: keep-alive\r\n\r\n",
                )
            },
            Case {
                method: Method::HEAD,
                ..case(
                    head(200, CHUNKS),
                    &["hello"],
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: -\r\nConnection: keep-alive\r\n\r\n",
                )
            },
            // The gate's own date and connection, and the names as the backend spells them.
            case(
                head(
                    599,
                    &[
                        ("x-own", "1"),
                        ("date", "yesterday"),
                        ("connection", "close"),
                        ("content-length", "0"),
                    ],
                ),
                &[],
                "HTTP/1.1 599 \r\nx-own: 1\r\nDate: -\r\nConnection: keep-alive\r\ncontent-length: 0\r\n\r\n",
            ),
        ]
    }

    #[tokio::test]
    async fn frames_every_kind_of_body() {
        for case in cases() {
            for limit in [1, 7, usize::MAX] {
                let stream = Recorder::new(limit);
                let mut response = Http1Response::new(stream, &case.method, case.keep_alive);
                response.head(case.head.clone()).await.unwrap();
                for part in case.parts {
                    response.part((*part).into()).await.unwrap();
                }
                response.end().await.unwrap();
                let (stream, is_kept) = response.into_stream().unwrap();
                assert_eq!(text(&stream.writes), case.wire);
                assert_eq!(stream.flushed, stream.writes.len());
                assert_eq!(is_kept, case.is_kept, "{}", case.wire);
            }
        }
    }

    #[tokio::test]
    async fn head_and_first_part_of_a_known_length_leave_in_one_write() {
        let stream = Recorder::new(usize::MAX);
        let mut response = Http1Response::new(stream, &Method::POST, true);
        response.head(head(202, LENGTH)).await.unwrap();
        assert!(response.stream.writes.is_empty());
        response.part("hello".into()).await.unwrap();
        response.end().await.unwrap();
        let (stream, _) = response.into_stream().unwrap();
        assert_eq!(stream.writes.len(), 1);
        assert!(text(&stream.writes).ends_with("\r\n\r\nhello"));
    }

    #[tokio::test]
    async fn other_heads_leave_at_once_and_every_part_is_flushed() {
        for headers in [CHUNKS, &[]] {
            let stream = Recorder::new(usize::MAX);
            let mut response = Http1Response::new(stream, &Method::POST, true);
            response.head(head(200, headers)).await.unwrap();
            assert!(text(&response.stream.writes).ends_with("\r\n\r\n"));
            assert_eq!(response.stream.flushed, 1);
            response.part("hello".into()).await.unwrap();
            assert_eq!(response.stream.writes.len(), 2);
            assert_eq!(response.stream.flushed, 2);
        }
    }

    #[tokio::test]
    async fn a_head_that_waits_is_sent_when_its_response_is_abandoned() {
        let mut response = Http1Response::new(Recorder::new(usize::MAX), &Method::POST, true);
        response.head(head(202, LENGTH)).await.unwrap();
        response.abandon().await.unwrap();
        assert!(text(&response.stream.writes).ends_with("\r\n\r\n"));
        assert_eq!(response.stream.flushed, 1);
        assert!(response.into_stream().is_none());
    }

    #[tokio::test]
    async fn a_response_that_breaks_off_gives_no_connection_back() {
        let new = || Http1Response::new(Recorder::new(usize::MAX), &Method::POST, true);
        assert!(new().into_stream().is_none(), "no head");

        let mut without_head = new();
        without_head.end().await.unwrap_err();
        assert!(without_head.into_stream().is_none());

        let mut without_end = new();
        without_end.head(head(200, LENGTH)).await.unwrap();
        without_end.part("hello".into()).await.unwrap();
        assert!(without_end.into_stream().is_none());

        let mut short = new();
        short.head(head(200, LENGTH)).await.unwrap();
        short.part("hell".into()).await.unwrap();
        short.end().await.unwrap_err();
        assert!(short.into_stream().is_none());

        let mut long = new();
        long.head(head(200, LENGTH)).await.unwrap();
        long.part("hello".into()).await.unwrap();
        let written = long.stream.writes.concat();
        long.part("o".into()).await.unwrap_err();
        long.end().await.unwrap_err();
        assert_eq!(long.stream.writes.concat(), written);
        assert!(long.into_stream().is_none());

        let mut second_head = new();
        second_head.head(head(200, LENGTH)).await.unwrap();
        second_head.head(head(200, LENGTH)).await.unwrap_err();
        second_head.part("hello".into()).await.unwrap_err();
        assert!(second_head.into_stream().is_none());

        // The caller's deadline drops a write that waits.
        let mut cancelled = Http1Response::new(Recorder::new(3), &Method::POST, true);
        cancelled.head(head(200, LENGTH)).await.unwrap();
        {
            let context = &mut Context::from_waker(Waker::noop());
            let mut part = pin!(cancelled.part("hello".into()));
            assert!(part.as_mut().poll(context).is_pending());
        }
        let written = cancelled.stream.writes.concat();
        assert_eq!(written, b"HTT");
        cancelled.part("hello".into()).await.unwrap_err();
        cancelled.end().await.unwrap_err();
        assert_eq!(cancelled.stream.writes.concat(), written);
        assert!(cancelled.into_stream().is_none());
    }

    #[tokio::test]
    async fn refuses_a_head_that_is_not_final_or_has_no_single_framing() {
        let refused: [(u16, &[(&str, &str)]); 8] = [
            (100, &[]),
            (101, &[("Upgrade", "websocket")]),
            (200, &[("Content-Length", "5"), ("Content-Length", "5")]),
            (200, &[("Content-Length", "5, 5")]),
            (200, &[("Content-Length", "+5")]),
            (
                200,
                &[("Content-Length", "5"), ("Transfer-Encoding", "chunked")],
            ),
            (200, &[("Transfer-Encoding", "gzip, chunked")]),
            (
                200,
                &[
                    ("Transfer-Encoding", "chunked"),
                    ("Transfer-Encoding", "chunked"),
                ],
            ),
        ];
        for (status, headers) in refused {
            let mut response = Http1Response::new(Recorder::new(usize::MAX), &Method::HEAD, true);
            response.head(head(status, headers)).await.unwrap_err();
            response.end().await.unwrap_err();
            assert!(response.stream.writes.is_empty(), "{status} {headers:?}");
        }
    }

    #[tokio::test]
    async fn a_phrase_cannot_end_the_status_line() {
        for (phrase, line) in [
            ("Very Own", "HTTP/1.1 200 Very Own\r\n"),
            ("OK\r\nX-Forged: 1", "HTTP/1.1 200 \r\n"),
            ("OK\nX-Forged: 1", "HTTP/1.1 200 \r\n"),
        ] {
            let mut head = head(200, LENGTH);
            head.set_reason_phrase(Some(phrase)).unwrap();
            // The gate speaks HTTP/1.1 whatever the backend speaks.
            head.set_version(Version::HTTP_10);
            let mut response = Http1Response::new(Recorder::new(usize::MAX), &Method::POST, true);
            response.head(head).await.unwrap();
            response.part("hello".into()).await.unwrap();
            response.end().await.unwrap();
            assert!(
                text(&response.stream.writes).starts_with(line),
                "{phrase:?}"
            );
        }
    }

    fn values() -> impl Strategy<Value = Vec<u8>> {
        let bytes = prop_oneof![0x20..=0x7e_u8, 0x80..=0xff_u8, Just(b'\t')];
        let values = prop::collection::vec(bytes, 0..30);
        values.prop_map(|value| value.trim_ascii().to_vec())
    }

    proptest! {
        #[test]
        fn a_parser_reads_the_same_head_and_body_back(
            status in prop::sample::select(vec![200_u16, 202, 204, 304, 401, 404, 500, 599]),
            framing in 0..3,
            is_head in any::<bool>(),
            keep_alive in any::<bool>(),
            fields in prop::collection::vec(("[Xx]-[A-Za-z0-9_.!-]{1,8}", values()), 0..12),
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
            limit in 1..60_usize,
        ) {
            let body = parts.concat();
            let mut head = ResponseHeader::build(status, None).unwrap();
            for (name, value) in &fields {
                let value = HeaderValue::from_bytes(value).unwrap();
                head.append_header(name.clone(), value).unwrap();
            }
            match framing {
                0 => head.insert_header("Content-Length", body.len()).unwrap(),
                1 => head.insert_header("Transfer-Encoding", "chunked").unwrap(),
                _ => {}
            }
            let method = if is_head { Method::HEAD } else { Method::POST };
            let mut response = Http1Response::new(Recorder::new(limit), &method, keep_alive);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                response.head(Box::new(head)).await.unwrap();
                for part in parts {
                    response.part(part.into()).await.unwrap();
                }
                response.end().await.unwrap();
            });
            let (stream, is_kept) = response.into_stream().unwrap();
            let wire = stream.writes.concat();

            let mut storage = [httparse::EMPTY_HEADER; 32];
            let mut parsed = httparse::Response::new(&mut storage);
            let head_len = parsed.parse(&wire).unwrap().unwrap();
            prop_assert_eq!((parsed.version, parsed.code), (Some(1), Some(status)));
            let has = |name: &str| {
                let mut found = parsed.headers.iter().filter(|field| field.name == name);
                found.next().map(|field| field.value)
            };
            prop_assert!(has("Date").is_some());
            let connection: &[u8] = if is_kept { b"keep-alive" } else { b"close" };
            prop_assert_eq!(has("Connection"), Some(connection));
            let mut read: Vec<(String, Vec<u8>)> = parsed
                .headers
                .iter()
                .filter(|field| field.name.starts_with(['X', 'x']))
                .map(|field| (field.name.to_owned(), field.value.to_vec()))
                .collect();
            let mut given = fields;
            read.sort();
            given.sort();
            prop_assert_eq!(read, given);

            let rest = &wire[head_len..];
            let has_no_body = is_head || matches!(status, 204 | 304);
            let read = match framing {
                _ if has_no_body => rest.to_vec(),
                1 => unchunked(rest),
                _ => rest.to_vec(),
            };
            prop_assert_eq!(read, if has_no_body { Vec::new() } else { body });
            prop_assert_eq!(is_kept, keep_alive && (framing < 2 || has_no_body));
        }
    }

    /// The body in `chunks`, which has to end with the last one.
    fn unchunked(mut chunks: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let (start, len) = httparse::parse_chunk_size(chunks).unwrap().unwrap();
            let len = usize::try_from(len).unwrap();
            let (chunk, rest) = chunks[start..].split_at(len);
            body.extend_from_slice(chunk);
            chunks = rest.strip_prefix(CRLF).unwrap();
            if len == 0 {
                assert!(chunks.is_empty());
                return body;
            }
        }
    }
}
