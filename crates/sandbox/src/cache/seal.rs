//! Who wrote a file of the cache: a secret of this user, and a seal that only its holder can make.
//!
//! What the cache holds is trusted like the program itself, so damage is not all that must be noticed: a file that somebody
//! else put there must not be loaded either. The seal is HMAC-SHA256 (RFC 2104) over what the file is for and what it
//! holds.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nexus_kernel::port::rng::SharedRng;
use sha2::{Digest, Sha256};

use crate::mem;

const SECRET_BYTES: usize = 32;
const BLOCK_BYTES: usize = 64;

/// The secret.
#[derive(Clone)]
pub(crate) struct Secret([u8; SECRET_BYTES]);

/// A seal.
pub(crate) type Seal = [u8; 32];

impl Secret {
    /// Reads the secret of a folder; makes one when there is none.
    pub(crate) fn of(folder: &Path, rng: &SharedRng) -> Result<Secret, String> {
        let path = folder.join("secret");
        if !path.exists() {
            make(folder, &path, rng).map_err(|error| error.to_string())?;
        }
        let bytes = read_own(&path, 0o077)?;
        let secret = bytes.as_slice().try_into().map_err(|_| "its secret is damaged".to_owned())?;
        Ok(Secret(secret))
    }

    /// The seal of a content for a purpose.
    pub(crate) fn seal(&self, purpose: &str, content: &[u8]) -> Seal {
        hmac(&self.0, &[purpose.as_bytes(), b"\0", content])
    }
}

/// Two processes may make one at the same time: the first one stays.
fn make(folder: &Path, path: &Path, rng: &SharedRng) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut secret = [0; SECRET_BYTES];
    rng.fill(&mut secret);
    let draft = folder.join(format!("secret-{}.draft", std::process::id()));
    write_new(&draft, &[&secret])?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// The content of a file of this user, which nobody else may write; `forbidden` are the mode's bits that must be off.
pub(crate) fn read_own(path: &Path, forbidden: u32) -> Result<Vec<u8>, String> {
    // What is checked is what is read: a path could be another file the next moment.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let mut file = file.map_err(|error| error.to_string())?;
    judge(&file, forbidden)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn judge(file: &File, forbidden: u32) -> Result<(), String> {
    let facts = file.metadata().map_err(|error| error.to_string())?;
    if !facts.is_file() || facts.uid() != mem::effective_user() || facts.mode() & forbidden != 0 {
        return Err("others could have written it".to_owned());
    }
    Ok(())
}

/// Writes a file that only this user can read, in one piece.
pub(crate) fn write_new(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let _ = fs::remove_file(path); // what a process of the same number left behind
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

fn hmac(key: &[u8; SECRET_BYTES], parts: &[&[u8]]) -> Seal {
    let pad = |with: u8| {
        let mut block = [with; BLOCK_BYTES];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let mut inner = Sha256::new();
    inner.update(pad(0x36));
    for part in parts {
        inner.update(part);
    }
    let mut outer = Sha256::new();
    outer.update(pad(0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

/// Bytes as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a string cannot fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seal_is_hmac_sha256() {
        // A key of 32 bytes and a text in two parts; the value is that of two other implementations.
        let key: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let seal = hmac(&key, &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(&seal), EXPECTED);
    }

    const EXPECTED: &str = "099805f4ac310786968565c098db515cc50862b420ae31e20238312344bed36a";
}
