//! `condenser selftest`: a process that stores is killed again and again, and what it leaves is looked at.

use super::outcome::{CommandError, Outcome};
use crate::dicom::{FileMeta, Uid, uids};
use crate::store::{Config, Digest, Identity, Receipt, ReceiptOutcome, Soundness, StoreError, Tree};
use serde::Serialize;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// What was found after all kills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Kills {
    /// How often a process was killed while it stored.
    kills: usize,
    /// Instances that it had acknowledged.
    acknowledged: usize,
    /// Those of them that are not there, or not whole.
    lost: usize,
    /// Drafts that it left and the next start removed.
    drafts: usize,
}

/// The bytes of a made instance.
const BYTES: usize = 64 << 10;

/// The longest time from the first acknowledgement to the kill, in milliseconds.
const LONGEST: usize = 40;

impl Kills {
    /// Whether nothing was lost, and there was something to lose.
    pub(super) fn are_harmless(&self) -> bool {
        self.lost == 0 && (self.acknowledged > 0 || self.kills == 0)
    }
}

impl fmt::Display for Kills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, acknowledged, lost, drafts } = self;
        write!(f, "{kills} kills, {acknowledged} acknowledged, {lost} lost; {drafts} drafts cleared")
    }
}

/// Starts the process, kills it, and looks at the store; so many times.
///
/// # Errors
/// A sentence that says what could not be done.
pub(super) fn kill(config: &Config, tries: usize) -> Result<Kills, String> {
    let mut found = Kills::default();
    for number in 0..tries {
        // Moments of all kinds, the same in each run.
        let delay = Duration::from_millis((number * 7 % LONGEST) as u64);
        let acknowledged =
            one_kill(config, number, delay).map_err(|error| format!("the process to kill: {error}"))?;
        let tree = Tree::open(config).map_err(|error| format!("the store is not opened again: {error}"))?;
        found.kills += 1;
        found.acknowledged += acknowledged;
        found.drafts += tree.opening().drafts_removed;
        found.lost += (0..acknowledged).filter(|instance| !is_whole(&tree, number, *instance)).count();
    }
    Ok(found)
}

/// How many instances one process had acknowledged when it was killed.
fn one_kill(config: &Config, number: usize, delay: Duration) -> io::Result<usize> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["selftest", "--child", &number.to_string(), "--store"])
        .arg(&config.path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let Some(out) = child.stdout.take() else { return Err(io::Error::other("it has no output")) };
    let mut out = BufReader::new(out);
    let mut said = String::new();
    let first = out.read_line(&mut said);
    thread::sleep(delay);
    let killed = child.kill();
    let rest = first.and_then(|_| out.read_to_string(&mut said));
    child.wait()?;
    killed?;
    rest?;
    // A line that was cut by the kill was no answer.
    Ok(said.matches('\n').count())
}

/// Stores one instance after the other and says so, until the process is killed.
///
/// # Errors
/// What the store refuses.
pub(super) fn store_until_killed(config: &Config, number: usize) -> Result<Outcome, CommandError> {
    let failed = |error: StoreError| CommandError::Failed(error.to_string());
    let tree = Tree::open(&Config { low_water: 0, ..config.clone() }).map_err(failed)?;
    let mut out = io::stdout().lock();
    for instance in 0.. {
        let (identity, content) =
            made(number, instance).ok_or_else(|| CommandError::Failed("no UID".to_owned()))?;
        let digest = Digest::of(uids::EXPLICIT_VR_LITTLE_ENDIAN, &content)?;
        let receipt = Receipt {
            digest,
            transfer_syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
            outcome: ReceiptOutcome::Kept,
            reason: None,
            stored: None,
        };
        let meta = FileMeta {
            sop_instance: identity.sop_instance.to_string(),
            transfer_syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
            private: Some(receipt.to_private()),
            ..FileMeta::default()
        };
        let mut draft = tree.draft().map_err(failed)?;
        meta.write(&mut draft)?;
        draft.write_all(&content)?;
        tree.commit(draft, &identity, &digest).map_err(failed)?;
        writeln!(out, "{}", identity.sop_instance)?;
        out.flush()?;
    }
    Ok(Outcome::Done)
}

/// The instance of a try, and what it holds. Every fourth one is of a study of its own.
fn made(number: usize, instance: usize) -> Option<(Identity, Vec<u8>)> {
    let uid = |text: String| Uid::parse(&text).ok();
    let identity = Identity {
        study: uid(format!("2.25.1.{number}.{}", instance / 4)),
        series: uid(format!("2.25.2.{number}.{}", instance / 4)),
        ..Identity::new(uid(format!("2.25.3.{number}.{instance}"))?)
    };
    let content = (0..BYTES).map(|at| (at * 31 + instance * 7 + number) as u8).collect();
    Some((identity, content))
}

/// Whether an instance that was acknowledged is in the tree, as it was made.
fn is_whole(tree: &Tree, number: usize, instance: usize) -> bool {
    let Some((identity, content)) = made(number, instance) else { return false };
    let Ok(digest) = Digest::of(uids::EXPLICIT_VR_LITTLE_ENDIAN, &content) else { return false };
    let Ok(Some(found)) = tree.find(&identity, &digest) else { return false };
    matches!(tree.examine(tree.below(&found.path)), Ok(Some(Soundness::Whole)))
}
