//! Brings what is in the spool to the audit server: syslog over TLS (RFC 5425; PS3.15 A.6).
//!
//! The protocol has no answers: what was written to a connection that then breaks may be lost. So frames count as told only
//! when the connection has stood for a while after them; otherwise they are told again over the next one.

use super::config::SyslogConfig;
use super::spool::{Place, Spool};
use crate::net::TlsError;
use crate::observe::Escaped;
use rustls::{ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long a connection must stand after what was written for it to count as told.
const STANDS: Duration = Duration::from_secs(1);
/// So much is written at most before that is waited for.
const UNPROVEN: usize = 4 << 20;
/// For connecting, for each step of the handshake, and for the server to take something.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often an idle connection is looked at.
const IDLE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Why a connection cannot be had or does not last.
#[derive(Debug, thiserror::Error)]
enum Away {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("TLS: {0}")]
    Session(#[from] rustls::Error),
    #[error("the server closed the connection")]
    Closed,
}

/// Tells the server what is in the spool until that is closed and, if the server is there, empty.
pub(super) fn run(config: &SyslogConfig, spool: &Spool) {
    let server = config.address.to_string();
    let mut told = spool.start();
    let mut pause = FIRST_PAUSE;
    let mut is_away = false;
    loop {
        if !spool.wait(told, IDLE) {
            if spool.is_closed() {
                return;
            }
            continue;
        }
        // Whoever ends waits for one more try.
        let is_last = spool.is_closed();
        let error = match Line::open(config) {
            Ok(mut line) => {
                tracing::info!(server = %Escaped(&server), waiting = spool.backlog(), "audit server reached");
                (is_away, pause) = (false, FIRST_PAUSE);
                match line.tell(spool, &mut told) {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        if !is_away {
            tracing::warn!(server = %Escaped(&server), explanation = %Escaped(&error.to_string()),
                "audit server away: what happens waits in the spool");
            is_away = true;
        }
        if is_last {
            tracing::warn!(server = %Escaped(&server), waiting = spool.backlog(),
                "the audit server was not told all: the next process tells it");
            return;
        }
        spool.rest(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A connection to the server.
struct Line(StreamOwned<ClientConnection, TcpStream>);

impl Line {
    fn open(config: &SyslogConfig) -> Result<Self, Away> {
        let tls = config.session_config()?;
        let mut error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in (config.address.host.as_str(), config.address.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_write_timeout(Some(PATIENCE))?;
                    let mut line = Self(StreamOwned::new(tls.session()?, stream));
                    while line.0.conn.is_handshaking() {
                        line.0.conn.complete_io(&mut line.0.sock)?;
                    }
                    return Ok(line);
                }
                Err(refused) => error = refused,
            }
        }
        Err(error.into())
    }

    /// Tells on until the spool is closed and empty; `told` moves on with what has proved to be told.
    fn tell(&mut self, spool: &Spool, told: &mut Place) -> Result<(), Away> {
        let (mut place, mut unproven) = (*told, 0);
        loop {
            let next = spool.next(place)?;
            if let Some((frames, behind)) = &next {
                self.0.write_all(frames)?;
                self.0.flush()?;
                (place, unproven) = (*behind, unproven + frames.len());
            }
            if unproven > 0 && (next.is_none() || unproven >= UNPROVEN) {
                self.stands()?;
                *told = place;
                spool.told(place)?;
                unproven = 0;
            }
            if next.is_none() && !spool.wait(place, IDLE) {
                if spool.is_closed() {
                    self.0.conn.send_close_notify();
                    self.0.flush()?;
                    return Ok(());
                }
                self.stands()?;
            }
        }
    }

    /// Whether the connection still stands after a while.
    fn stands(&mut self) -> Result<(), Away> {
        self.0.sock.set_read_timeout(Some(STANDS))?;
        match self.0.read(&mut [0; 64]) {
            Ok(0) => Err(Away::Closed),
            // The protocol knows no answers; what a server says nevertheless does no harm.
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Away::Closed),
            Err(error) => Err(error.into()),
        }
    }
}
