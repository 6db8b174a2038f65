//! The socket in the file system that a server may listen on beside its port: only its owner can connect.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nexus_kernel::code;
use nexus_kernel::error::Error;
use tokio::net::UnixListener;

/// A socket file; it goes when this is dropped.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
}

impl SocketFile {
    /// Listens at this path. A socket that nobody listens on any more is replaced; anything else is left alone.
    pub(crate) fn listen(path: &Path) -> Result<(SocketFile, UnixListener), Error> {
        let bound = clear(path).and_then(|()| bind_private(path));
        let listener = bound.map_err(|error| {
            Error::new(&code::CONFIG_INVALID, format!("cannot listen on {}: {error}", path.display()))
                .help("name a path in a folder that exists, at which there is nothing yet")
        })?;
        Ok((SocketFile { path: path.to_owned() }, listener))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path); // one that is gone already is what is wanted
    }
}

/// Removes what a server that was killed has left behind: a socket that answers nobody.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            if UnixStream::connect(path).is_ok() {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "another server listens there"));
            }
            fs::remove_file(path)
        }
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something else at this path")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The socket appears at its path only once its permissions are set, so nobody can slip in between.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let listener = UnixListener::bind(&draft)?;
    let placed =
        fs::set_permissions(&draft, Permissions::from_mode(0o600)).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    placed.and(removed)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_sockets_that_nobody_serves_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nexus.sock");
        let (file, listener) = SocketFile::listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let error = SocketFile::listen(&path).unwrap_err();
        assert!(error.message().contains("another server"), "{}", error.message());
        // A server that is killed removes nothing.
        std::mem::forget(file);
        drop(listener);
        let (file, _listener) = SocketFile::listen(&path).unwrap();
        drop(file);
        assert!(!path.exists());
        fs::write(&path, "mine").unwrap();
        assert!(SocketFile::listen(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}
