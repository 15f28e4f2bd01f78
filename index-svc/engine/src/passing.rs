//! Which errors of the system and of LMDB pass: the same call may be answered later, with nothing
//! changed by anybody. What is damaged or missing does not pass.

use std::io;

use heed::MdbError;
use rustix::io::Errno;

/// Whether the operating system may say otherwise when it is asked again: a file is gone, a disk full,
/// a call interrupted, a disk or the network away. A file that ends too early is damaged.
#[must_use]
pub fn io_is_passing(error: &io::Error) -> bool {
    // These have no kind: a disk that fails, and no room for open files.
    let passing = [Errno::IO, Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
    if let Some(number) = error.raw_os_error()
        && passing.contains(&number)
    {
        return true;
    }
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::Interrupted
            | io::ErrorKind::WouldBlock
            | io::ErrorKind::TimedOut
            | io::ErrorKind::ResourceBusy
            | io::ErrorKind::OutOfMemory
            | io::ErrorKind::StaleNetworkFileHandle
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NotConnected
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

/// Whether LMDB may answer later: the operating system failed it for now, or others hold what it has
/// little of.
#[must_use]
pub fn lmdb_is_passing(error: &heed::Error) -> bool {
    match error {
        heed::Error::Io(source) => io_is_passing(source),
        heed::Error::Mdb(error) => {
            matches!(error, MdbError::ReadersFull | MdbError::TlsFull | MdbError::MapResized)
        }
        heed::Error::EnvAlreadyOpened => true,
        heed::Error::Encoding(_) | heed::Error::Decoding(_) => false,
    }
}
