//! Decodes received codestreams in processes of their own: what a hostile or broken one does to its decoder costs one
//! instance its recompression, and nothing else.
//!
//! The processes of one instance serve no other, and each holds one decoder: one that a codestream has taken over could
//! falsify nothing but frames of its own instance, and where a second decoder has to agree, not even these.

use super::decoder_process::{DecoderProcess, NoAnswer};
use super::decoder_protocol::Response;
use super::decoder_worker::WorkerLimits;
use crate::codec::{DecodeElsewhere, FrameCoding, NotDecoded};
use crate::rule::Compress;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The decoding processes of a node: no more than it has cores work at the same time.
#[derive(Debug)]
pub struct Decoding {
    program: Option<PathBuf>,
    counts: Mutex<Counts>,
    freed: Condvar,
    most: Counts,
}

/// Processes of a node, by what they do.
#[derive(Debug, Default)]
struct Counts {
    /// Decode a frame.
    working: usize,
    /// Wait for the next frame of their instance.
    idle: usize,
}

/// For each core so many processes may wait for the next frame of their instances. One that finds no room ends.
const IDLE_PER_CORE: usize = 4;

impl Decoding {
    /// Processes of `program`, which has to know the hidden command of `condenser`; none is begun before it is needed.
    pub fn new(program: Option<PathBuf>) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let most = Counts { working: cores, idle: IDLE_PER_CORE * cores };
        Self { program, counts: Mutex::default(), freed: Condvar::new(), most }
    }

    /// Whether there is a program that decodes.
    pub(super) fn is_possible(&self) -> bool {
        self.program.is_some()
    }

    /// What decodes one instance, within the limits of these settings.
    pub fn of_instance(self: &Arc<Self>, compress: &Compress) -> Arc<dyn DecodeElsewhere> {
        Arc::new(DecodingOfInstance {
            node: Arc::clone(self),
            memory: compress.decode_memory,
            frame_within: compress.decode_frame_within,
            within: compress.decode_within,
            end: OnceLock::new(),
            idle: Mutex::default(),
        })
    }

    /// The right to let a process work; none when the time has come before.
    fn place(&self, end: Instant) -> Option<Place<'_>> {
        let counts = lock(&self.counts);
        let left = end.saturating_duration_since(Instant::now());
        let full = |counts: &mut Counts| counts.working >= self.most.working;
        let waited = self.freed.wait_timeout_while(counts, left, full);
        let (mut counts, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return None;
        }
        counts.working += 1;
        Some(Place(self))
    }
}

/// The right to let a process work.
struct Place<'d>(&'d Decoding);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        lock(&self.0.counts).working -= 1;
        self.0.freed.notify_one();
    }
}

/// The processes that decode one instance; they end with it.
#[derive(Debug)]
struct DecodingOfInstance {
    node: Arc<Decoding>,
    /// Bytes of address space that each may have.
    memory: u64,
    frame_within: Duration,
    within: Duration,
    /// When the time for all frames is over.
    end: OnceLock<Instant>,
    idle: Mutex<Vec<DecoderProcess>>,
}

impl DecodeElsewhere for DecodingOfInstance {
    fn decode(
        &self,
        coding: &FrameCoding,
        decoder: &'static str,
        codestream: &[u8],
        frame_bytes: u64,
    ) -> Result<Vec<u8>, NotDecoded> {
        let end = *self.end.get_or_init(|| Instant::now() + self.within);
        let too_long = || NotDecoded::Late(format!("all frames together took longer than {:?}", self.within));
        let _place = self.node.place(end).ok_or_else(too_long)?;
        let until = Instant::now() + self.frame_within;
        let mut process = self.process(decoder)?;
        match process.ask(coding, codestream, frame_bytes, until.min(end)) {
            Ok((Response::Cells, cells)) => {
                self.keep(process);
                Ok(cells)
            }
            // It has kept to the protocol, but its memory has seen a damaged codestream: it is not used again.
            Ok((Response::Refused(why), _)) => Err(NotDecoded::Refused(why)),
            Err(NoAnswer::Late) if end < until => Err(too_long()),
            Err(NoAnswer::Late) => Err(NotDecoded::Late(format!(
                "it took longer than {:?}, and the decoding process was killed",
                self.frame_within
            ))),
            Err(NoAnswer::Died(how)) => Err(NotDecoded::Died(how)),
        }
    }
}

impl DecodingOfInstance {
    /// A process that waits, or a new one.
    fn process(&self, decoder: &'static str) -> Result<DecoderProcess, NotDecoded> {
        let mut idle = lock(&self.idle);
        if let Some(at) = idle.iter().position(|process| process.decoder == decoder) {
            lock(&self.node.counts).idle -= 1;
            return Ok(idle.swap_remove(at));
        }
        drop(idle);
        let missing = |why: String| NotDecoded::Missing(why);
        let none = || missing("no program is named that decodes in a process of its own".to_owned());
        let program = self.node.program.as_deref().ok_or_else(none)?;
        // A process works at most as long as its instance may take: a bound for one that outlives its node.
        let processor_seconds = self.within.as_secs().saturating_add(1);
        let limits = WorkerLimits { memory: self.memory, processor_seconds };
        DecoderProcess::begin(program, limits, decoder)
            .map_err(|error| missing(format!("the decoding process cannot be started: {error}")))
    }

    /// Lets a process wait for the next frame, where there is room for it.
    fn keep(&self, process: DecoderProcess) {
        let mut counts = lock(&self.node.counts);
        if counts.idle < self.node.most.idle {
            counts.idle += 1;
            drop(counts);
            lock(&self.idle).push(process);
        }
    }
}

impl Drop for DecodingOfInstance {
    fn drop(&mut self) {
        let idle = std::mem::take(&mut *lock(&self.idle));
        lock(&self.node.counts).idle -= idle.len();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves nothing half done: what is held are plain numbers and whole processes.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
