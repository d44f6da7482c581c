//! The running audit trail: a bounded queue of facts, and the thread that makes messages of them and writes these down.

use super::config::AuditConfig;
use super::courier;
use super::fact::Fact;
use super::gathering::Gathering;
use super::message::{Message, Source};
use super::narrator::Own;
use super::spool::Spool;
use super::syslog::Sender;
use crate::net::TlsError;
use crate::observe::Escaped;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// Facts that wait for the thread; one more is lost.
const WAITING: usize = 4096;
/// How often it is looked whether messages are due.
const TICK: Duration = Duration::from_millis(500);

/// Why there is no audit trail.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be written.
    #[error("audit.file: {}: {error}; make its folder, and let the node write there", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        error: io::Error,
    },
    /// The spool cannot be used.
    #[error("audit.syslog.spool: {}: {error}; name a folder that this node alone may write to", path.display())]
    Spool {
        /// The folder.
        path: PathBuf,
        /// The operating system's answer.
        error: io::Error,
    },
    /// TLS towards the server cannot be spoken.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// No thread can be had.
    #[error("the audit trail cannot be started: {0}")]
    Start(#[from] io::Error),
}

/// The audit trail of a running node.
#[derive(Debug)]
pub struct Trail {
    facts: Mutex<Option<SyncSender<(Fact, SystemTime)>>>,
    lost: Arc<AtomicU64>,
    /// Closed when the threads have ended.
    running: Mutex<Receiver<()>>,
}

impl Trail {
    /// Opens file and spool, and tells that the node of this AE title starts. `None` where nobody wants a trail.
    ///
    /// # Errors
    /// [`AuditError`], which names the key.
    pub fn start(config: &AuditConfig, ae_title: &str) -> Result<Option<Self>, AuditError> {
        if !config.is_on() {
            return Ok(None);
        }
        let process = std::process::id().to_string();
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let (lost, lines) = (Arc::new(AtomicU64::new(0)), Lines::open(config)?);
        let (alive, running) = sync_channel::<()>(1);
        if let (Some(syslog), Some(spool)) = (config.syslog.clone(), lines.spool.clone()) {
            syslog.session_config()?;
            let alive = alive.clone();
            thread::Builder::new().name("audit courier".to_owned()).spawn(move || {
                courier::run(&syslog, &spool);
                drop(alive);
            })?;
        }
        let (facts, received) = sync_channel(WAITING);
        let mut scribe = Scribe {
            sender: Sender::new(&host, &process),
            source: Source {
                id: config.source.clone().unwrap_or_else(|| ae_title.to_owned()),
                site: config.site.clone(),
            },
            gathering: Gathering::new(Own { process, host, ae_title: ae_title.to_owned() }, config.patient),
            lines,
            lost: Arc::clone(&lost),
            said: 0,
        };
        thread::Builder::new().name("audit".to_owned()).spawn(move || {
            scribe.run(&received);
            drop(alive);
        })?;
        Ok(Some(Self { facts: Mutex::new(Some(facts)), lost, running: Mutex::new(running) }))
    }

    /// Takes a fact down. Returns at once: what there is no room for is lost, counted and logged.
    pub fn note(&self, fact: Fact) {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(facts) = facts.as_ref()
            && facts.try_send((fact, SystemTime::now())).is_err()
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many facts and messages were lost.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Tells that the node stops, and waits until all is written down and the server was told. Whether that was so in time;
    /// what the server was not told is told by the next process.
    pub fn stop(&self, at_most: Duration) -> bool {
        drop(self.facts.lock().unwrap_or_else(PoisonError::into_inner).take());
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(running.recv_timeout(at_most), Err(RecvTimeoutError::Disconnected))
    }
}

/// The thread.
struct Scribe {
    gathering: Gathering,
    source: Source,
    sender: Sender,
    lines: Lines,
    lost: Arc<AtomicU64>,
    /// Of how many lost ones the log knows.
    said: u64,
}

impl Scribe {
    fn run(&mut self, facts: &Receiver<(Fact, SystemTime)>) {
        let start = self.gathering.application(true, SystemTime::now());
        self.write(&[start]);
        loop {
            let messages = match facts.recv_timeout(TICK) {
                Ok((Fact::Reopen, _)) => {
                    self.lines.reopen();
                    Vec::new()
                }
                Ok((fact, when)) => self.gathering.take(fact, Instant::now(), when),
                Err(RecvTimeoutError::Timeout) => self.gathering.due(Instant::now(), SystemTime::now()),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            self.write(&messages);
        }
        let now = SystemTime::now();
        let mut rest = self.gathering.rest(now);
        rest.push(self.gathering.application(false, now));
        self.write(&rest);
        if let Some(spool) = &self.lines.spool {
            spool.close();
        }
    }

    fn write(&mut self, messages: &[Message]) {
        for message in messages {
            let xml = message.to_xml(&self.source);
            let written = self.lines.write(&xml, &self.sender.frame(message.when, &xml));
            self.lost.fetch_add(written, Ordering::Relaxed);
        }
        let lost = self.lost.load(Ordering::Relaxed);
        if lost > self.said {
            tracing::error!(
                lost,
                more = lost - self.said,
                "audit trail: messages were lost for lack of room"
            );
            self.said = lost;
        }
    }
}

/// Where messages go.
struct Lines {
    path: Option<PathBuf>,
    file: Option<File>,
    spool: Option<Arc<Spool>>,
    /// Whether the log knows that the file cannot be written.
    is_failing: bool,
}

impl Lines {
    fn open(config: &AuditConfig) -> Result<Self, AuditError> {
        let file = config
            .file
            .as_ref()
            .map(|path| append(path).map_err(|error| AuditError::File { path: path.clone(), error }));
        let spool = config.syslog.as_ref().map(|syslog| {
            Spool::open(&syslog.spool, syslog.spool_limit)
                .map(Arc::new)
                .map_err(|error| AuditError::Spool { path: syslog.spool.clone(), error })
        });
        Ok(Self {
            path: config.file.clone(),
            file: file.transpose()?,
            spool: spool.transpose()?,
            is_failing: false,
        })
    }

    /// Writes a message to each place. How many did not take it.
    fn write(&mut self, xml: &str, frame: &[u8]) -> u64 {
        let mut lost = 0;
        if self.path.is_some() {
            if self.file.is_none() {
                self.reopen();
            }
            // One write for the whole line, so that another reader never sees half of it.
            let line = format!("{xml}\n");
            let written = self.file.as_mut().map(|file| file.write_all(line.as_bytes()));
            match written {
                Some(Ok(())) => self.is_failing = false,
                Some(Err(error)) => {
                    lost += 1;
                    self.file = None;
                    self.fails(&error);
                }
                None => lost += 1,
            }
        }
        if let Some(spool) = &self.spool {
            match spool.append(frame) {
                Ok(true) => {}
                Ok(false) => lost += 1,
                Err(error) => {
                    lost += 1;
                    self.fails(&error);
                }
            }
        }
        lost
    }

    /// Opens the file anew: it may have been moved away. Where that fails, it is tried again with the next message.
    fn reopen(&mut self) {
        let Some(path) = self.path.clone() else { return };
        match append(&path) {
            Ok(file) => self.file = Some(file),
            Err(error) => {
                self.file = None;
                self.fails(&error);
            }
        }
    }

    fn fails(&mut self, error: &io::Error) {
        if !self.is_failing {
            tracing::error!(explanation = %Escaped(&error.to_string()), "audit trail cannot be written");
            self.is_failing = true;
        }
    }
}

/// Opens a file to append to it; a new one is readable by its owner and group alone.
fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o640).open(path)
}

#[cfg(test)]
mod tests {
    use super::super::fact::Alarm;
    use super::*;

    fn alarm(number: usize) -> Fact {
        let what = format!("alarm {number}");
        Fact::Alarm(Alarm { refused: true, ae_title: None, address: None, what })
    }

    #[test]
    fn the_file_tells_from_start_to_stop_and_follows_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.xml");
        let config = AuditConfig { file: Some(path.clone()), ..AuditConfig::default() };
        let trail = Trail::start(&config, "CONDENSER").unwrap().unwrap();
        trail.note(alarm(1));
        let started = Instant::now();
        while !std::fs::read_to_string(&path).unwrap().contains("alarm 1") {
            assert!(started.elapsed() < Duration::from_secs(30));
            thread::yield_now();
        }
        std::fs::rename(&path, folder.path().join("audit.1")).unwrap();
        trail.note(Fact::Reopen);
        trail.note(alarm(2));
        assert!(trail.stop(Duration::from_secs(30)));
        trail.note(alarm(3));
        let (old, new) = (
            std::fs::read_to_string(folder.path().join("audit.1")).unwrap(),
            std::fs::read_to_string(&path).unwrap(),
        );
        assert!(old.contains("Application Start") && old.contains("alarm 1"), "{old}");
        assert!(new.contains("alarm 2") && new.trim_end().lines().count() == 2, "{new}");
        assert!(new.lines().last().unwrap().contains("Application Stop"), "{new}");
        assert_eq!(trail.lost(), 0);
    }

    #[test]
    fn p17_a_trail_that_cannot_be_written_holds_nobody_up_and_counts() {
        let config = AuditConfig { file: Some("/dev/full".into()), ..AuditConfig::default() };
        let trail = Trail::start(&config, "CONDENSER").unwrap().unwrap();
        let started = Instant::now();
        for number in 0..10 * WAITING {
            trail.note(alarm(number));
        }
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert!(trail.stop(Duration::from_secs(60)));
        assert!(trail.lost() > 0);
        let missing = AuditConfig { file: Some("/nowhere/audit.xml".into()), ..AuditConfig::default() };
        let error = Trail::start(&missing, "CONDENSER").unwrap_err().to_string();
        assert!(error.starts_with("audit.file: /nowhere/audit.xml"), "{error}");
    }
}
