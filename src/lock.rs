//! Who owns a folder: an exclusive lock on a file in it, for the life of the open file.
//!
//! Input: the opened lock file. Output: the same file, locked, or `None` where another process has it.
//! Errors: those of the system. Source: flock(2).

use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::time::Duration;
use std::time::Instant;

/// How long a held lock is waited for. A child process that is just being started holds copies of all locks for a moment,
/// and a node that is being replaced closes while its successor starts.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// Takes the lock, or gives up after two seconds.
pub fn take(file: File) -> io::Result<Option<File>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return Ok(None),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_owner_is_refused_and_the_next_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let open = || File::create(dir.path().join("lock")).unwrap();
        let first = take(open()).unwrap().unwrap();
        assert!(take(open()).unwrap().is_none());
        drop(first);
        assert!(take(open()).unwrap().is_some());
    }
}
