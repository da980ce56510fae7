//! Lines for standard output and standard error, written by a thread of their own.
//!
//! A log that cannot be written loses lines and nothing else. A reader that died, a full disk or a file that has
//! reached its limit costs lines, which are counted. A reader that does not read fills a bounded queue, and never
//! makes a delivery wait. Nothing here panics, and nothing waits for the stream but the thread.

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

/// One of the two streams of a process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a process has these two")]
pub enum Stream {
    /// The access log.
    Stdout,
    /// What the process says about itself.
    Stderr,
}

impl Stream {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Stdout, Self::Stderr];

    /// Its label in metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    /// Lines that this process could not write to it.
    pub fn lost_lines(self) -> u64 {
        self.lost().load(Ordering::Relaxed)
    }

    /// A process has one of each, so the counters are the process's, too.
    fn lost(self) -> &'static AtomicU64 {
        static STDOUT: AtomicU64 = AtomicU64::new(0);
        static STDERR: AtomicU64 = AtomicU64::new(0);
        match self {
            Self::Stdout => &STDOUT,
            Self::Stderr => &STDERR,
        }
    }

    /// A descriptor of its own: the standard library's lock is never held while something is written.
    fn open(self) -> std::io::Result<File> {
        let descriptor = match self {
            Self::Stdout => std::io::stdout().as_fd().try_clone_to_owned(),
            Self::Stderr => std::io::stderr().as_fd().try_clone_to_owned(),
        };
        descriptor.map(File::from)
    }
}

/// Takes lines, and never waits.
#[derive(Clone, Debug)]
pub struct LineWriter {
    queue: SyncSender<Message>,
    waiting: Arc<AtomicUsize>,
    lost: &'static AtomicU64,
}

/// Writes what is left when it is dropped, as far as that goes within a second.
#[derive(Debug)]
pub struct LineGuard(LineWriter);

#[derive(Debug)]
enum Message {
    Line(Vec<u8>),
    /// Everything before it is to be written; then the sender is dropped.
    End(SyncSender<()>),
}

impl LineWriter {
    /// Starts to write to `stream`.
    pub fn start(stream: Stream) -> std::io::Result<(Self, LineGuard)> {
        Self::writing_to(stream.open()?, stream)
    }

    fn writing_to(
        output: impl Write + Send + 'static,
        stream: Stream,
    ) -> std::io::Result<(Self, LineGuard)> {
        let (queue, lines) = sync_channel(MAX_LINES);
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut sink = Sink {
            output,
            stream,
            torn: false,
            losing: false,
        };
        let written = Arc::clone(&waiting);
        thread::Builder::new()
            .name(format!("log-{}", stream.word()))
            .spawn(move || drain(&lines, &written, &mut sink))?;
        let writer = Self {
            queue,
            waiting,
            lost: stream.lost(),
        };
        Ok((writer.clone(), LineGuard(writer)))
    }

    /// Writes a line, which ends with its line end. There may be no room for it.
    pub fn line(&self, mut line: Vec<u8>) {
        if let Ok(text) = std::str::from_utf8(&line)
            && let Cow::Owned(escaped) = escape_bidi(text)
        {
            line = escaped.into_bytes();
        }
        let len = line.len();
        let before = self.waiting.fetch_add(len, Ordering::Relaxed);
        if before + len > MAX_BYTES || self.queue.try_send(Message::Line(line)).is_err() {
            self.waiting.fetch_sub(len, Ordering::Relaxed);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// For whoever formats lines: a line is what is written at once.
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
        let (ended, end) = sync_channel(1);
        // A queue that is full has a reader that does not read: nothing is to be waited for.
        if self.0.queue.try_send(Message::End(ended)).is_ok() {
            let _ = end.recv_timeout(LAST_WRITE);
        }
    }
}

/// Writes lines until there are no more.
fn drain(lines: &Receiver<Message>, waiting: &AtomicUsize, sink: &mut Sink<impl Write>) {
    let mut batch = Vec::with_capacity(BATCH_BYTES);
    while let Ok(first) = lines.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Line(line) => {
                    batch.extend_from_slice(&line);
                    waiting.fetch_sub(line.len(), Ordering::Relaxed);
                }
                Message::End(ended) => {
                    sink.write(&batch);
                    let _ = ended.send(());
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

/// The stream, and how it took what was written last.
struct Sink<W> {
    output: W,
    stream: Stream,
    /// A line was begun and not ended.
    torn: bool,
    /// The last lines were lost.
    losing: bool,
}

impl<W: Write> Sink<W> {
    /// Writes whole lines. Those that the stream does not take are counted.
    fn write(&mut self, lines: &[u8]) {
        if self.torn {
            // Behind the beginning of a lost line the next one would not be whole either.
            if let Err((_, error)) = self.write_all(b"\n") {
                return self.lose(lines, error);
            }
            self.torn = false;
        }
        match self.write_all(lines) {
            Ok(()) => self.tell(None),
            Err((rest, error)) => {
                let (written, rest) = lines.split_at(lines.len().saturating_sub(rest));
                self.torn = written.last().is_some_and(|byte| *byte != b'\n');
                self.lose(rest, error);
            }
        }
    }

    /// Counts the lines that end in these bytes.
    fn lose(&mut self, bytes: &[u8], error: std::io::Error) {
        let lost = memchr::memchr_iter(b'\n', bytes).count();
        let lost = u64::try_from(lost).unwrap_or(u64::MAX);
        self.stream.lost().fetch_add(lost, Ordering::Relaxed);
        self.tell(Some(error));
    }

    /// Gives the number of bytes that are not written, and why.
    fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), (usize, std::io::Error)> {
        while !bytes.is_empty() {
            match self.output.write(bytes) {
                Ok(0) => return Err((bytes.len(), ErrorKind::WriteZero.into())),
                Ok(taken) => bytes = bytes.get(taken..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Somebody else has made the stream non-blocking. The queue has the bound.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY_AFTER),
                Err(error) => return Err((bytes.len(), error)),
            }
        }
        Ok(())
    }

    /// Says on standard error that the access log loses lines, and that it does no longer. What standard error
    /// itself loses only the metric tells.
    fn tell(&mut self, error: Option<std::io::Error>) {
        let losing = error.is_some();
        if std::mem::replace(&mut self.losing, losing) == losing || self.stream == Stream::Stderr {
            return;
        }
        if let Some(error) = error {
            tracing::warn!(%error, "lines of the access log are lost");
        } else {
            tracing::info!("the access log is written again");
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

    /// Takes what it is told to take, and keeps it.
    #[derive(Default)]
    struct Stubborn {
        answers: Vec<Result<usize>>,
        taken: Vec<u8>,
    }

    impl Write for Stubborn {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            let most = match self.answers.pop() {
                Some(answer) => answer?,
                None => bytes.len(),
            };
            let taken = most.min(bytes.len());
            self.taken.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    fn answer() -> impl Strategy<Value = Result<usize>> {
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
            answers in prop::collection::vec(answer(), 0..12),
            batches in prop::collection::vec(1_usize..5, 1..6),
        ) {
            let mut sink = Sink {
                output: Stubborn { answers, taken: Vec::new() },
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
            // A line of the output is a whole line of the input, or the beginning of a lost one.
            let whole = text.lines().filter(|line| lines.iter().any(|it| it == line)).count();
            prop_assert!(text.matches('<').count() <= text.matches('\n').count() + 1, "{text}");
            // Other tests of this process may lose lines, too.
            let lost = usize::try_from(Stream::Stderr.lost_lines() - lost_before).unwrap();
            prop_assert!(lines.len() - whole <= lost, "{whole} of {} whole, {lost} lost", lines.len());
        }
    }

    /// A pipe that nobody reads.
    struct Blocked(Arc<Mutex<()>>);

    impl Write for Blocked {
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
        let door = Arc::new(Mutex::new(()));
        let closed = door.lock();
        let blocked = Blocked(Arc::clone(&door));
        let (writer, guard) = LineWriter::writing_to(blocked, Stream::Stdout).unwrap();
        let before = Stream::Stdout.lost_lines();
        for _ in 0..40 {
            writer.line(vec![b'x'; 1 << 20]);
        }
        assert!(Stream::Stdout.lost_lines() >= before + 6);
        assert!(writer.waiting.load(Ordering::Relaxed) <= MAX_BYTES);
        drop(guard); // It gives up after its time.
        drop(closed);
    }
}
