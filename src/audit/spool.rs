//! What the audit server has not been told yet: segments of whole frames in a folder, in order, read once each.
//!
//! A segment that was told is removed. How far the oldest one was told stands in `told`; where that cannot be read, the
//! segment is told again: twice is better than never. Nothing is synced: the trail outlives the process, and what a power cut
//! takes from it is in the log of the node.

use super::syslog::whole_frames;
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A segment that has become so long is followed by another.
const SEGMENT: u64 = 256 << 10;
const ENDING: &str = ".frames";

/// The folder, shared by who writes and who tells.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    limit: u64,
    state: Mutex<State>,
    bell: Condvar,
    /// Held for as long as the folder is in use.
    _lock: File,
}

#[derive(Debug)]
struct State {
    /// Those that are not wholly told, oldest first, each with its length.
    segments: VecDeque<(u64, u64)>,
    /// The end of the last segment; `None` until something is written.
    writer: Option<File>,
    /// What was told of the oldest one.
    told: u64,
    last: u64,
    closed: bool,
}

/// Up to where the server was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    segment: u64,
    offset: u64,
}

impl Spool {
    /// Opens the folder, made where there is none, with what an earlier process left in it.
    ///
    /// # Errors
    /// Those of the file system, and that another process uses it.
    pub(super) fn open(folder: &Path, limit: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = OpenOptions::new().create(true).append(true).open(folder.join("lock"))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| io::Error::new(error.kind(), "another process uses it"))?;
        let mut numbers = Vec::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let number: Option<u64> =
                name.to_str().and_then(|name| name.strip_suffix(ENDING)).and_then(|name| name.parse().ok());
            numbers.extend(number);
        }
        numbers.sort_unstable();
        let mut segments = VecDeque::new();
        for number in &numbers {
            // A process that was killed may have left the last frame cut.
            let path = segment_path(folder, *number);
            let bytes = fs::read(&path)?;
            let whole = whole_frames(&bytes) as u64;
            OpenOptions::new().write(true).open(&path)?.set_len(whole)?;
            segments.push_back((*number, whole));
        }
        let last = numbers.last().copied().unwrap_or(0);
        let told =
            read_told(folder).filter(|place| segments.front().is_some_and(|first| first.0 == place.segment));
        let state = State {
            told: told.map_or(0, |place| place.offset).min(segments.front().map_or(0, |first| first.1)),
            segments,
            writer: None,
            last,
            closed: false,
        };
        Ok(Self {
            folder: folder.to_owned(),
            limit,
            state: Mutex::new(state),
            bell: Condvar::new(),
            _lock: lock,
        })
    }

    /// Appends a frame. Whether there was room for it.
    ///
    /// # Errors
    /// Those of the file system; the frame is not in the spool.
    pub(super) fn append(&self, frame: &[u8]) -> io::Result<bool> {
        let mut state = self.state();
        if state.backlog() + frame.len() as u64 > self.limit {
            return Ok(false);
        }
        let is_long = state.segments.back().is_some_and(|(_, length)| *length >= SEGMENT);
        let mut file = match state.writer.take() {
            Some(file) if !is_long => file,
            _ => {
                state.last += 1;
                let path = segment_path(&self.folder, state.last);
                let file = OpenOptions::new().write(true).create_new(true).open(path)?;
                let number = state.last;
                state.segments.push_back((number, 0));
                file
            }
        };
        let length = state.segments.back().map_or(0, |(_, length)| *length);
        if let Err(error) = file.write_all(frame) {
            // What was written of it must not stay before the next one.
            if file.set_len(length).and_then(|()| file.seek(SeekFrom::Start(length))).is_ok() {
                state.writer = Some(file);
            }
            return Err(error);
        }
        if let Some((_, length)) = state.segments.back_mut() {
            *length += frame.len() as u64;
        }
        state.writer = Some(file);
        drop(state);
        self.bell.notify_all();
        Ok(true)
    }

    /// Where the server is to be told on from.
    pub(super) fn start(&self) -> Place {
        let state = self.state();
        match state.segments.front() {
            Some((segment, _)) => Place { segment: *segment, offset: state.told },
            None => Place { segment: state.last + 1, offset: 0 },
        }
    }

    /// The frames that follow a place, up to the end of a segment, and the place behind them; `None` where nothing follows.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn next(&self, place: Place) -> io::Result<Option<(Vec<u8>, Place)>> {
        let found = {
            let state = self.state();
            state.segments.iter().copied().find(|(number, length)| {
                *number > place.segment && *length > 0 || *number == place.segment && *length > place.offset
            })
        };
        let Some((segment, length)) = found else { return Ok(None) };
        let offset = if segment == place.segment { place.offset } else { 0 };
        let mut file = File::open(segment_path(&self.folder, segment))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut frames = Vec::new();
        file.take(length - offset).read_to_end(&mut frames)?;
        let offset = offset + frames.len() as u64;
        Ok(Some((frames, Place { segment, offset })))
    }

    /// The server was told up to here.
    ///
    /// # Errors
    /// Those of the file system; then it may be told again by the next process.
    pub(super) fn told(&self, place: Place) -> io::Result<()> {
        let mut state = self.state();
        while let Some((number, length)) = state.segments.front().copied() {
            let is_last = state.segments.len() == 1;
            let is_told = number < place.segment || number == place.segment && place.offset >= length;
            if !is_told {
                break;
            }
            if is_last {
                // What follows goes into a new one, so that this one can be removed.
                state.writer = None;
            }
            fs::remove_file(segment_path(&self.folder, number))?;
            state.segments.pop_front();
        }
        state.told = match state.segments.front() {
            Some((number, _)) if *number == place.segment => place.offset,
            _ => 0,
        };
        let told = format!("{} {}\n", place.segment, state.told);
        fs::write(self.folder.join("told"), told)
    }

    /// Waits until something follows a place, the end is asked for, or the time is over. Whether something follows.
    pub(super) fn wait(&self, place: Place, at_most: Duration) -> bool {
        let follows = |state: &State| {
            state.segments.iter().any(|(number, length)| {
                *number > place.segment && *length > 0 || *number == place.segment && *length > place.offset
            })
        };
        let state = self.state();
        let waiting = |state: &mut State| !state.closed && !follows(state);
        let (state, _) =
            self.bell.wait_timeout_while(state, at_most, waiting).unwrap_or_else(PoisonError::into_inner);
        follows(&state)
    }

    /// Waits until the end is asked for, or the time is over.
    pub(super) fn rest(&self, at_most: Duration) {
        let waiting = |state: &mut State| !state.closed;
        drop(self.bell.wait_timeout_while(self.state(), at_most, waiting));
    }

    /// Asks for the end.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.bell.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// How many bytes the server has not been told.
    pub(super) fn backlog(&self) -> u64 {
        self.state().backlog()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn backlog(&self) -> u64 {
        self.segments.iter().map(|(_, length)| length).sum::<u64>().saturating_sub(self.told)
    }
}

fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}{ENDING}"))
}

fn read_told(folder: &Path) -> Option<Place> {
    let text = fs::read_to_string(folder.join("told")).ok()?;
    let (segment, offset) = text.trim().split_once(' ')?;
    Some(Place { segment: segment.parse().ok()?, offset: offset.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Vec<u8> {
        format!("{} {text}", text.len()).into_bytes()
    }

    fn all(spool: &Spool) -> String {
        let (mut place, mut found) = (spool.start(), Vec::new());
        while let Some((frames, next)) = spool.next(place).unwrap() {
            found.extend(frames);
            place = next;
        }
        String::from_utf8(found).unwrap()
    }

    #[test]
    fn what_was_not_told_outlives_the_process_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 1 << 20).unwrap();
        assert!(Spool::open(folder.path(), 1 << 20).is_err(), "it is in use");
        for text in ["one", "two", "three"] {
            assert!(spool.append(&frame(text)).unwrap());
        }
        let first = Place { offset: 5, ..spool.start() };
        spool.told(first).unwrap();
        drop(spool);
        let spool = Spool::open(folder.path(), 1 << 20).unwrap();
        assert!(spool.append(&frame("four")).unwrap());
        assert_eq!(all(&spool), "3 two5 three4 four");
        let (_, place) = spool.next(spool.start()).unwrap().unwrap();
        spool.told(place).unwrap();
        assert_eq!(all(&spool), "4 four");
        let (_, place) = spool.next(place).unwrap().unwrap();
        spool.told(place).unwrap();
        assert_eq!((all(&spool), spool.backlog()), (String::new(), 0));
        assert!(spool.append(&frame("five")).unwrap(), "after the last one was removed");
        assert_eq!(all(&spool), "4 five");
    }

    #[test]
    fn a_cut_frame_is_cut_off_and_a_lost_mark_tells_again() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 1 << 20).unwrap();
        spool.append(&frame("one")).unwrap();
        spool.append(&frame("two")).unwrap();
        spool.told(Place { offset: 5, ..spool.start() }).unwrap();
        drop(spool);
        let path = segment_path(folder.path(), 1);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend(b"17 cut in the mi");
        fs::write(&path, bytes).unwrap();
        fs::write(folder.path().join("told"), "nonsense").unwrap();
        assert_eq!(all(&Spool::open(folder.path(), 1 << 20).unwrap()), "3 one3 two");
    }

    #[test]
    fn no_more_waits_than_may() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 20).unwrap();
        let taken = (0..5).filter(|_| spool.append(&frame("12345678")).unwrap()).count();
        assert_eq!((taken, spool.backlog()), (2, 20));
        let (_, place) = spool.next(spool.start()).unwrap().unwrap();
        spool.told(place).unwrap();
        assert!(spool.append(&frame("12345678")).unwrap(), "there is room again");
    }

    #[test]
    fn segments_follow_each_other_and_are_removed_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 64 << 20).unwrap();
        let long = frame(&"x".repeat(100_000));
        for _ in 0..10 {
            assert!(spool.append(&long).unwrap());
        }
        let mut place = spool.start();
        let mut bytes = 0;
        let files = || fs::read_dir(folder.path()).unwrap().count();
        assert!(files() >= 4);
        while let Some((frames, next)) = spool.next(place).unwrap() {
            assert_eq!(whole_frames(&frames), frames.len());
            bytes += frames.len();
            place = next;
            spool.told(place).unwrap();
        }
        assert_eq!((bytes, files()), (10 * long.len(), 2), "only the lock and the mark are left");
    }
}
