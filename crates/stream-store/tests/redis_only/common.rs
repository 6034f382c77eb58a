//! Jobs, lines and waiting, and a road to a server that can be cut.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use log_model::{
    JobId, LogEntry, LogEvent, Owner, OwnerId, Recorded, SafeText, Seq, Source, Span, Timestamp, WriterId,
};
use stream_store::{Batch, Change, Error, LogStore, RedisStore, Result, Writer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Far more than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) const AT: Timestamp = Timestamp::from_millis(1_771_754_400_123);

pub(crate) fn owner() -> Owner {
    Owner::user(OwnerId::new("user_ana").expect("a name"))
}

pub(crate) fn job(name: &str) -> JobId {
    JobId::new(name).expect("a name")
}

pub(crate) fn slot(name: &str) -> WriterId {
    WriterId::new(name).expect("a name")
}

pub(crate) fn line(text: &str) -> Recorded {
    let text = SafeText::assume_redacted(text);
    let event = LogEvent::Line {
        source: Source::Stdout,
        text,
        class: None,
        cut: None,
        masked: Vec::new(),
    };
    Recorded {
        ts: AT,
        phase: None,
        event,
    }
}

pub(crate) fn batch(writer: &Writer, number: u64, lines: &[&str]) -> Batch {
    let events = lines.iter().copied().map(line).collect();
    Batch {
        writer: writer.id.clone(),
        fence: writer.fence,
        number,
        events,
    }
}

pub(crate) fn texts(entries: &[LogEntry]) -> Vec<String> {
    let text = |entry: &LogEntry| match &entry.recorded.event {
        LogEvent::Line { text, .. } => text.as_str().to_owned(),
        other => other.kind().to_string(),
    };
    entries.iter().map(text).collect()
}

pub(crate) fn span(first: u64, last: u64) -> Span {
    let seq = |number| Seq::new(number).expect("small");
    Span::new(seq(first), seq(last)).expect("in order")
}

pub(crate) async fn connect(url: &str) -> RedisStore {
    RedisStore::connect(&url.parse().expect("a store's URL"))
        .await
        .expect("the server takes the log-in")
}

pub(crate) async fn joined(store: &RedisStore, name: &str) -> (JobId, Writer) {
    let job = job(name);
    store.open(&job, &owner(), AT).await.expect("opened");
    let writer = store.join(&job, &slot("w")).await.expect("joined");
    (job, writer)
}

/// Asks again for as long as the store does not answer.
pub(crate) async fn persist<T>(what: &str, ask: impl AsyncFnMut() -> Result<T>) -> T {
    persist_answer(ask).await.expect(what)
}

/// What the store answers once it does.
pub(crate) async fn persist_answer<T>(mut ask: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let asked = timeout(LONG, async {
        loop {
            match ask().await {
                Err(Error::Unavailable { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
                answer => return answer,
            }
        }
    });
    asked.await.expect("an answer")
}

/// The next change that is not trouble.
pub(crate) async fn hear(stream: &mut BoxStream<'static, Result<Change>>) -> Change {
    let heard = timeout(LONG, async {
        loop {
            match stream.next().await.expect("the job goes on") {
                Ok(change) => return change,
                Err(Error::Unavailable { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
    heard.await.expect("something new")
}

/// The texts of the next `count` entries.
pub(crate) async fn hear_lines(stream: &mut BoxStream<'static, Result<Change>>, count: usize) -> Vec<String> {
    let mut heard = Vec::new();
    while heard.len() < count {
        if let Change::Entries(entries) = hear(stream).await {
            heard.extend(texts(&entries));
        }
    }
    heard
}

/// A way to a server that can be cut and led elsewhere.
pub(crate) struct Road {
    at: SocketAddr,
    to: Arc<AtomicU16>,
    /// How many of the server's answers still pass before everything is cut and this many are lost.
    answers: Arc<AtomicUsize>,
    cut: Arc<Notify>,
    pub(crate) bytes: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Road {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let at = listener.local_addr().expect("bound");
        let (to, answers) = (Arc::new(AtomicU16::new(port)), Arc::new(AtomicUsize::new(usize::MAX)));
        let (cut, bytes) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
        let parts = (to.clone(), answers.clone(), cut.clone(), bytes.clone());
        let task = tokio::spawn(async move {
            let (to, answers, cut, bytes) = parts;
            while let Ok((mut near, _)) = listener.accept().await {
                let (to, answers, cut, bytes) = (to.clone(), answers.clone(), cut.clone(), bytes.clone());
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(("127.0.0.1", to.load(Ordering::SeqCst))).await else {
                        return;
                    };
                    let (mut there, mut back) = (vec![0; 65536], vec![0; 65536]);
                    loop {
                        tokio::select! {
                            () = cut.notified() => return,
                            read = near.read(&mut there) => match read {
                                Ok(read) if read > 0 => {
                                    bytes.fetch_add(read as u64, Ordering::SeqCst);
                                    if far.write_all(&there[..read]).await.is_err() { return }
                                }
                                _ => return,
                            },
                            read = far.read(&mut back) => match read {
                                Ok(read) if read > 0 => {
                                    let left = answers.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
                                        usize::MAX => None,
                                        left => Some(left.saturating_sub(1)),
                                    });
                                    if left == Ok(0) {
                                        // The server has done its work, and nobody hears of it.
                                        answers.store(usize::MAX, Ordering::SeqCst);
                                        return;
                                    }
                                    if near.write_all(&back[..read]).await.is_err() { return }
                                }
                                _ => return,
                            },
                        }
                    }
                });
            }
        });
        Self {
            at,
            to,
            answers,
            cut,
            bytes,
            task,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.at)
    }

    /// Loses the next answer and the connection with it.
    pub(crate) fn lose_the_next_answer(&self) {
        self.answers.store(0, Ordering::SeqCst);
    }

    /// Cuts every connection; new ones go to `port`.
    pub(crate) fn lead_to(&self, port: u16) {
        self.to.store(port, Ordering::SeqCst);
        self.cut.notify_waiters();
    }
}

impl Drop for Road {
    fn drop(&mut self) {
        self.task.abort();
    }
}
