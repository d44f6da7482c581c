//! A file descriptor in reserve: when there is no other left, one connection at a time is taken by it and told to come back.
//! Otherwise it would wait unheard, and wake the listener in vain again and again.

use rustix::io::Errno;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// The one in reserve. A socket that is bound to nothing needs no file, and counts for the process as for the system.
#[derive(Debug)]
pub(super) struct Spare(Option<UnixDatagram>);

impl Spare {
    /// Takes one, if there is any.
    pub(super) fn new() -> Self {
        Self(UnixDatagram::unbound().ok())
    }

    /// Whether this is why a connection cannot be accepted.
    pub(super) fn is_wanted(error: &io::Error) -> bool {
        [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
    }

    /// Accepts who waits, in place of the reserve, which is to be taken anew once the connection is closed. `None` when nobody
    /// waits, or somebody else had the descriptor first.
    pub(super) async fn accept(&mut self, socket: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
        self.0 = None;
        let accepted = timeout(Duration::ZERO, socket.accept()).await;
        let accepted = accepted.ok().and_then(Result::ok);
        if accepted.is_none() {
            self.refill();
        }
        accepted
    }

    /// Takes one again.
    pub(super) fn refill(&mut self) {
        if self.0.is_none() {
            *self = Self::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_given_up_for_a_connection_and_taken_again() {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut spare = Spare::new();
        assert!(spare.accept(&socket).await.is_none() && spare.0.is_some(), "nobody waits");
        let _peer = TcpStream::connect(socket.local_addr().unwrap()).await.unwrap();
        let (stream, _) = loop {
            // The socket hears of it when the reactor does.
            match spare.accept(&socket).await {
                Some(accepted) => break accepted,
                None => tokio::task::yield_now().await,
            }
        };
        assert!(spare.0.is_none());
        drop(stream);
        spare.refill();
        assert!(spare.0.is_some());
        assert!(Spare::is_wanted(&Errno::MFILE.into()) && Spare::is_wanted(&Errno::NFILE.into()));
        assert!(!Spare::is_wanted(&Errno::CONNABORTED.into()));
    }
}
