//! What systemd is told (sd_notify(3)): that the node listens, that it is about to end, and that it is alive.

use sd_notify::NotifyState;
use std::time::Duration;
use tokio::time::interval;

/// Tells it something. Without systemd there is no socket to write to, which is no fault.
pub(super) fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}

/// Says often enough that the node is alive, where systemd wants to hear it (`WatchdogSec=`). What serves connections says so:
/// when that hangs, nobody does, and the node is started anew.
pub(super) fn feed_watchdog() {
    let Some(within) = sd_notify::watchdog_enabled() else { return };
    let mut pulse = interval((within / 3).max(Duration::from_millis(1)));
    tokio::spawn(async move {
        loop {
            pulse.tick().await;
            tell(NotifyState::Watchdog);
        }
    });
}
