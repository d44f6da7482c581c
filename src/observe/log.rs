//! The log: one line an event on standard error, as text for people or JSON for collectors.

use super::log_queue::{LogEnd, standard_error};
use serde::{Deserialize, Serialize};
use std::io::IsTerminal;
use std::sync::OnceLock;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

/// How the node logs.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `"text"` for people, `"json"` for log collectors.
    pub format: LogFormat,
    /// The least severe level that is written.
    pub level: LogLevel,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `time LEVEL event key=value …`
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The least severe level that is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what needs somebody.
    Error,
    /// And what looks wrong.
    Warn,
    /// And one line for each instance and association.
    #[default]
    Info,
    /// And what helps to follow one association.
    Debug,
}

/// The level of the running log.
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Sends the events of the whole process to standard error, by a thread of its own, until what is given back is dropped.
/// A second call changes nothing.
pub fn start_log(config: &LogConfig) -> LogEnd {
    let queue = standard_error();
    let out = match queue.clone() {
        Some(queue) => BoxMakeWriter::new(queue),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let (level, handle) = reload::Layer::new(filter(config.level));
    let lines = layer().with_writer(out).with_target(false);
    let lines: Box<dyn Layer<_> + Send + Sync> = match config.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // A failure to set the global subscriber means that there is one already, which is what the caller wants.
    if tracing_subscriber::registry().with(level).with(lines).try_init().is_ok() {
        let _ = LEVEL.set(handle);
    }
    LogEnd::of(queue)
}

/// Writes more or less from now on.
pub fn set_log_level(level: LogLevel) {
    if let Some(handle) = LEVEL.get() {
        // It fails only when there is no log any more.
        let _ = handle.reload(filter(level));
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    }
}
