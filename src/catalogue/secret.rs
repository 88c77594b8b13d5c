//! The site secret: made once, kept beside the index.

use std::fs::File;
use std::io;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;

use rustix::rand::GetRandomFlags;

use crate::identity::SiteSecret;

const FILE_NAME: &str = "site-secret";
const PARTIAL_NAME: &str = "site-secret.part";
const SECRET_LENGTH: usize = 32;

/// Why there is no site secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The operating system refused a step.
    #[error("{}: {step}", path.display())]
    Io {
        /// What was attempted.
        step: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not a secret; it is left alone, since every key given so far depends on it.
    #[error("{}: {found} bytes, expected 32; restore the file from a backup", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: usize,
    },
    /// Others may read the file.
    #[error("{}: mode {mode:o} lets others read the secret, expected 600", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// Reads the secret in `dir`, or makes it from the system's random source; a new one is durable on return.
pub fn load_or_create_secret(dir: &Path) -> Result<SiteSecret, SecretError> {
    let path = dir.join(FILE_NAME);
    match load(&path) {
        Err(SecretError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        loaded => return loaded,
    }
    create(dir, &path).map_err(|(step, source)| SecretError::Io { step, path: path.clone(), source })?;
    load(&path)
}

fn load(path: &Path) -> Result<SiteSecret, SecretError> {
    let failed = |step| move |source| SecretError::Io { step, path: path.to_owned(), source };
    let mode = std::fs::metadata(path).map_err(failed("look at secret"))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretError::Exposed { path: path.to_owned(), mode });
    }
    let bytes = std::fs::read(path).map_err(failed("read secret"))?;
    let secret = <[u8; SECRET_LENGTH]>::try_from(bytes.as_slice());
    secret.map(SiteSecret).map_err(|_| SecretError::Length { path: path.to_owned(), found: bytes.len() })
}

fn create(dir: &Path, path: &Path) -> Result<(), (&'static str, io::Error)> {
    let at = |step| move |error| (step, error);
    std::fs::create_dir_all(dir).map_err(at("create folder"))?;
    let mut secret = [0; SECRET_LENGTH];
    let filled = rustix::rand::getrandom(&mut secret[..], GetRandomFlags::empty());
    if filled.map_err(|error| ("take random bytes", error.into()))? != SECRET_LENGTH {
        return Err(("take random bytes", io::ErrorKind::UnexpectedEof.into()));
    }
    let partial = dir.join(PARTIAL_NAME);
    // What an earlier, interrupted start left was never used.
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(("remove partial secret", error)),
        _ => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&partial).map_err(at("create"))?;
    file.write_all(&secret).and_then(|()| file.sync_all()).map_err(at("write secret"))?;
    // A link does not replace a secret that another process made meanwhile.
    match std::fs::hard_link(&partial, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(("name secret", error)),
        _ => {}
    }
    std::fs::remove_file(&partial).map_err(at("remove partial secret"))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(at("flush folder"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = load_or_create_secret(dir.path()).unwrap();
        assert_eq!(load_or_create_secret(dir.path()).unwrap().0, first.0);
        assert_ne!(first.0, [0; 32]);
        let mode = std::fs::metadata(dir.path().join(FILE_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(load_or_create_secret(other.path()).unwrap().0, first.0);
    }

    #[test]
    fn a_cut_or_exposed_secret_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        load_or_create_secret(dir.path()).unwrap();
        let path = dir.path().join(FILE_NAME);
        std::fs::write(&path, [1; 31]).unwrap();
        assert!(matches!(load_or_create_secret(dir.path()), Err(SecretError::Length { found: 31, .. })));
        assert_eq!(std::fs::read(&path).unwrap(), [1; 31]);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(load_or_create_secret(dir.path()), Err(SecretError::Exposed { mode: 0o644, .. })));
    }
}
