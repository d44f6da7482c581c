//! Other people's receivers for the tests of forwarding: DCMTK's `storescp`, and a pynetdicom one that answers as it is told.

#![allow(dead_code, unreachable_pub, clippy::panic, reason = "each test file uses its own part of this")]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A receiver in a process of its own, killed when this is dropped.
pub struct ForeignPeer {
    child: Child,
    pub address: SocketAddr,
}

/// Why there is no `storescp`.
enum Absent {
    NotInstalled,
    PortTaken,
}

/// What no test should have to wait for.
const LONG: Duration = Duration::from_secs(30);

impl ForeignPeer {
    /// DCMTK's `storescp` with the title ARCHIVE and these options, storing into a folder; `None`, said loudly, where it is
    /// not installed.
    pub fn storescp<S: AsRef<OsStr>>(folder: &Path, options: impl IntoIterator<Item = S>) -> Option<Self> {
        let options: Vec<S> = options.into_iter().collect();
        // A port that was free may be somebody's by the time it is listened on.
        for _ in 0..5 {
            match Self::try_storescp(free_port(), folder, &options) {
                Ok(peer) => return Some(peer),
                Err(Absent::NotInstalled) => return None,
                Err(Absent::PortTaken) => {}
            }
        }
        panic!("storescp does not listen");
    }

    /// The same on a port of our choice.
    pub fn storescp_at<S: AsRef<OsStr>>(
        port: u16,
        folder: &Path,
        options: impl IntoIterator<Item = S>,
    ) -> Option<Self> {
        let options: Vec<S> = options.into_iter().collect();
        match Self::try_storescp(port, folder, &options) {
            Ok(peer) => Some(peer),
            Err(Absent::NotInstalled) => None,
            Err(Absent::PortTaken) => panic!("storescp does not listen on {port}"),
        }
    }

    fn try_storescp<S: AsRef<OsStr>>(port: u16, folder: &Path, options: &[S]) -> Result<Self, Absent> {
        let mut command = Command::new("storescp");
        command.args(["-aet", "ARCHIVE", "-od"]).arg(folder).args(options).arg(port.to_string());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let Ok(child) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            eprintln!("SKIPPED: DCMTK's storescp is not installed; scripts/test installs it");
            return Err(Absent::NotInstalled);
        };
        let mut peer = Self { child, address };
        let started = Instant::now();
        while TcpStream::connect_timeout(&address, LONG).is_err() {
            if peer.child.try_wait().unwrap().is_some() || started.elapsed() > LONG {
                return Err(Absent::PortTaken);
            }
            std::thread::yield_now();
        }
        Ok(peer)
    }

    /// `tests/python/scp.py` with these options; `None`, said loudly, without `CONDENSER_PYTHON`.
    pub fn scripted<S: AsRef<OsStr>>(options: impl IntoIterator<Item = S>) -> Option<Self> {
        let Some(python) = std::env::var_os("CONDENSER_PYTHON") else {
            eprintln!("SKIPPED: no peer with chosen answers (set CONDENSER_PYTHON, or run scripts/test)");
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/scp.py");
        let mut command = Command::new(python);
        command.arg(script).args(["--port", &free_port().to_string()]);
        command.args(options).stdout(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port: u16 = line.trim().parse().unwrap();
        Some(Self { child, address: (Ipv4Addr::LOCALHOST, port).into() })
    }

    /// Kills it.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for ForeignPeer {
    fn drop(&mut self) {
        self.end();
    }
}

/// A port that nobody listens on, and that the system gives to nobody who asks for any: another test's node would be there, and be
/// taken for the peer.
pub fn free_port() -> u16 {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_mul(97).wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + (number % 20_000) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
