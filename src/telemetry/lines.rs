//! Log lines for standard output and standard error, written by one thread per stream.
//!
//! A log that cannot be written only loses lines, and counts them: the reader died, the disk is full, or the file
//! has reached its limit. A slow reader fills a bounded queue and never delays a delivery. Only the thread waits for
//! the stream.

use std::borrow::Cow;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use super::escape_bidi;

/// One of the two output streams.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a process has these two")]
pub enum Stream {
    /// Standard output: the access log.
    Stdout,
    /// Standard error: the log of the process.
    Stderr,
}

impl Stream {
    /// Both streams.
    pub const ALL: [Self; 2] = [Self::Stdout, Self::Stderr];

    /// The label in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// The lines that could not be written to the stream since the process started.
    pub fn lost_lines(self) -> u64 {
        self.lost().load(Ordering::Relaxed)
    }

    /// The counter is global, because a process has each stream once.
    fn lost(self) -> &'static AtomicU64 {
        static STDOUT: AtomicU64 = AtomicU64::new(0);
        static STDERR: AtomicU64 = AtomicU64::new(0);
        match self {
            Self::Stdout => &STDOUT,
            Self::Stderr => &STDERR,
        }
    }

    /// Duplicates the descriptor, so that a write never holds the lock of the standard library.
    fn open(self) -> std::io::Result<File> {
        let descriptor = match self {
            Self::Stdout => std::io::stdout().as_fd().try_clone_to_owned(),
            Self::Stderr => std::io::stderr().as_fd().try_clone_to_owned(),
        };
        descriptor.map(File::from)
    }
}

/// Queues lines without waiting.
#[derive(Clone, Debug)]
pub struct LineWriter {
    queue: SyncSender<Message>,
    queued_bytes: Arc<AtomicUsize>,
    lost: &'static AtomicU64,
}

/// When dropped, writes the queued lines, for at most one second.
#[derive(Debug)]
pub struct LineGuard(LineWriter);

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Write everything before this message, and then stop.
    End(SyncSender<()>),
}

impl LineWriter {
    /// Starts the thread that writes to `stream`.
    pub fn start(stream: Stream) -> std::io::Result<(Self, LineGuard)> {
        Self::writing_to(stream.open()?, stream)
    }

    fn writing_to(
        output: impl Write + Send + 'static,
        stream: Stream,
    ) -> std::io::Result<(Self, LineGuard)> {
        let (queue, lines) = sync_channel(MAX_LINES);
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let mut sink = Sink {
            output,
            stream,
            torn: false,
            losing: false,
        };
        let queued = Arc::clone(&queued_bytes);
        thread::Builder::new()
            .name(format!("log-{}", stream.word()))
            .spawn(move || write_queued(&lines, &queued, &mut sink))?;
        let writer = Self {
            queue,
            queued_bytes,
            lost: stream.lost(),
        };
        Ok((writer.clone(), LineGuard(writer)))
    }

    /// Queues a line, including its line end. Without room, the line is counted as lost.
    pub fn line(&self, mut line: Vec<u8>) {
        if let Ok(text) = std::str::from_utf8(&line)
            && let Cow::Owned(escaped) = escape_bidi(text)
        {
            line = escaped.into_bytes();
        }
        let len = line.len();
        let before = self.queued_bytes.fetch_add(len, Ordering::Relaxed);
        if before + len > MAX_BYTES || self.queue.try_send(Message::Line(line)).is_err() {
            self.queued_bytes.fetch_sub(len, Ordering::Relaxed);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Each call of `write` is one line.
impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.line(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for LineGuard {
    fn drop(&mut self) {
        let (done, finished) = sync_channel(1);
        // If the queue is full, nobody reads the stream, and waiting would not help.
        if self.0.queue.try_send(Message::End(done)).is_ok() {
            let _ = finished.recv_timeout(LAST_WRITE);
        }
    }
}

/// The loop of the thread: writes lines in batches until all senders are gone.
fn write_queued(
    lines: &Receiver<Message>,
    queued_bytes: &AtomicUsize,
    sink: &mut Sink<impl Write>,
) {
    let mut batch = Vec::with_capacity(BATCH_BYTES);
    while let Ok(first) = lines.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => {
                    batch.extend_from_slice(&line);
                    queued_bytes.fetch_sub(line.len(), Ordering::Relaxed);
                }
                Message::End(done) => {
                    sink.write(&batch);
                    let _ = done.send(());
                    return;
                }
            }
            next = if batch.len() < BATCH_BYTES {
                lines.try_recv().ok()
            } else {
                None
            };
        }
        sink.write(&batch);
        batch.clear();
    }
}

/// The stream and the result of the last write.
struct Sink<W> {
    output: W,
    stream: Stream,
    /// The last line was written in part.
    torn: bool,
    /// The last write lost lines.
    losing: bool,
}

impl<W: Write> Sink<W> {
    /// Writes whole lines, and counts those that the stream refuses.
    fn write(&mut self, lines: &[u8]) {
        if self.torn {
            // Ends the partial line first. Otherwise the next line would be damaged too.
            if let Err((_, error)) = self.write_all(b"\n") {
                return self.lose(lines, error);
            }
            self.torn = false;
        }
        match self.write_all(lines) {
            Ok(()) => self.report(None),
            Err((rest, error)) => {
                let (written, rest) = lines.split_at(lines.len().saturating_sub(rest));
                self.torn = written.last().is_some_and(|byte| *byte != b'\n');
                self.lose(rest, error);
            }
        }
    }

    /// Counts the lines that end within these bytes as lost.
    fn lose(&mut self, bytes: &[u8], error: std::io::Error) {
        let lost = memchr::memchr_iter(b'\n', bytes).count();
        let lost = u64::try_from(lost).unwrap_or(u64::MAX);
        self.stream.lost().fetch_add(lost, Ordering::Relaxed);
        self.report(Some(error));
    }

    /// On failure, returns the number of unwritten bytes and the error.
    fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), (usize, std::io::Error)> {
        while !bytes.is_empty() {
            match self.output.write(bytes) {
                Ok(0) => return Err((bytes.len(), ErrorKind::WriteZero.into())),
                Ok(taken) => bytes = bytes.get(taken..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Another process made the stream non-blocking. The queue bounds the wait.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY_AFTER),
                Err(error) => return Err((bytes.len(), error)),
            }
        }
        Ok(())
    }

    /// Logs when the access log starts and stops to lose lines. Losses of standard error itself show only in the metric.
    fn report(&mut self, error: Option<std::io::Error>) {
        let losing = error.is_some();
        if std::mem::replace(&mut self.losing, losing) == losing || self.stream == Stream::Stderr {
            return;
        }
        if let Some(error) = error {
            tracing::warn!(%error, "the access log is losing lines");
        } else {
            tracing::info!("the access log is complete again");
        }
    }
}

const MAX_LINES: usize = 65_536;
const MAX_BYTES: usize = 32 << 20;
const BATCH_BYTES: usize = 64 << 10;
const RETRY_AFTER: Duration = Duration::from_millis(10);
const LAST_WRITE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::io::{Error, Result};

    use parking_lot::Mutex;
    use proptest::prelude::*;

    use super::*;

    /// Accepts as many bytes as scripted, and keeps them.
    #[derive(Default)]
    struct ScriptedOutput {
        results: Vec<Result<usize>>,
        taken: Vec<u8>,
    }

    impl Write for ScriptedOutput {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            let limit = match self.results.pop() {
                Some(result) => result?,
                None => bytes.len(),
            };
            let taken = limit.min(bytes.len());
            self.taken.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    fn result() -> impl Strategy<Value = Result<usize>> {
        // EINTR, EAGAIN, EIO, EFBIG, ENOSPC, EPIPE.
        prop_oneof![
            (0_usize..20).prop_map(Ok),
            prop::sample::select(vec![4, 11, 5, 27, 28, 32])
                .prop_map(|code| Err(Error::from_raw_os_error(code))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_line_is_written_whole_or_counted_as_lost(
            results in prop::collection::vec(result(), 0..12),
            batches in prop::collection::vec(1_usize..5, 1..6),
        ) {
            let mut sink = Sink {
                output: ScriptedOutput { results, taken: Vec::new() },
                stream: Stream::Stderr,
                torn: false,
                losing: false,
            };
            let lost_before = Stream::Stderr.lost_lines();
            let mut lines = Vec::new();
            for (batch, many) in batches.iter().enumerate() {
                let batch: Vec<String> = (0..*many).map(|line| format!("<{batch}.{line}>")).collect();
                sink.write((batch.join("\n") + "\n").as_bytes());
                lines.extend(batch);
            }
            let text = String::from_utf8(sink.output.taken).unwrap();
            // Every output line is a whole input line, or the beginning of a lost one.
            let whole = text.lines().filter(|line| lines.iter().any(|it| it == line)).count();
            prop_assert!(text.matches('<').count() <= text.matches('\n').count() + 1, "{text}");
            // Other tests in this process may lose lines too.
            let lost = usize::try_from(Stream::Stderr.lost_lines() - lost_before).unwrap();
            prop_assert!(lines.len() - whole <= lost, "{whole} of {} whole, {lost} lost", lines.len());
        }
    }

    /// A pipe without a reader.
    struct StuckPipe(Arc<Mutex<()>>);

    impl Write for StuckPipe {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            drop(self.0.lock());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stream_that_takes_nothing_holds_nobody_and_a_bounded_number_of_bytes() {
        let pipe = Arc::new(Mutex::new(()));
        let held = pipe.lock();
        let stuck = StuckPipe(Arc::clone(&pipe));
        let (writer, guard) = LineWriter::writing_to(stuck, Stream::Stdout).unwrap();
        let before = Stream::Stdout.lost_lines();
        for _ in 0..40 {
            writer.line(vec![b'x'; 1 << 20]);
        }
        assert!(Stream::Stdout.lost_lines() >= before + 6);
        assert!(writer.queued_bytes.load(Ordering::Relaxed) <= MAX_BYTES);
        drop(guard); // The guard stops waiting after its limit.
        drop(held);
    }
}
