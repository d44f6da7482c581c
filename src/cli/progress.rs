//! How a command that works through many files shows how it goes: lines on standard output, a bar on a terminal.

use super::inspect::json_line;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Shows the progress of a command.
pub(super) struct Progress {
    /// Draws nothing where standard error is no terminal.
    bar: ProgressBar,
    /// Whether ordinary lines are shown: not where the bar says enough.
    every_line: bool,
    json: bool,
}

impl Progress {
    /// For this many files. With `json` there are objects instead of lines.
    pub(super) fn new(files: u64, json: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(files), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files, {elapsed} gone, {eta} to go");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        let terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
        Self { bar, every_line: files == 1 || !terminal, json }
    }

    /// One file is done: its object, or its line. A line that is worth reading is shown in any case.
    pub(super) fn done(&self, object: &impl Serialize, line: &str, worth_reading: bool) -> io::Result<()> {
        self.bar.inc(1);
        // The bar is redrawn only where something is written: it flickers.
        if self.json {
            self.show(|out| json_line(out, object))
        } else if worth_reading || self.every_line {
            self.show(|out| writeln!(out, "{line}"))
        } else {
            Ok(())
        }
    }

    /// One file failed: its object, and its line on standard error.
    pub(super) fn failed(&self, object: &impl Serialize, line: &str) -> io::Result<()> {
        self.bar.inc(1);
        self.problem(line);
        if self.json { self.show(|out| json_line(out, object)) } else { Ok(()) }
    }

    /// One file is done, and nothing is to be said of it.
    pub(super) fn step(&self) {
        self.bar.inc(1);
    }

    /// One file failed, and its line on standard error is all that is to be said of it.
    pub(super) fn failed_quietly(&self, line: &str) {
        self.bar.inc(1);
        self.problem(line);
    }

    /// Takes the bar away, for a table that follows.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Something is wrong: a line on standard error.
    pub(super) fn problem(&self, line: &str) {
        self.bar.suspend(|| eprintln!("error: {line}"));
    }

    /// All is done: what it came to, on standard error.
    pub(super) fn finish(self, summary: &str) {
        self.bar.finish_and_clear();
        eprintln!("{summary}");
    }

    /// The work goes on when nobody reads about it any more (`condenser compress … | head`).
    fn show(&self, write: impl FnOnce(&mut io::StdoutLock<'_>) -> io::Result<()>) -> io::Result<()> {
        match self.bar.suspend(|| write(&mut io::stdout().lock())) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}
