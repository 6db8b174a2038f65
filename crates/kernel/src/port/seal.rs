//! Sealing of what leaves this server and comes back: others may keep it, and nobody else may read or change it.

/// The port.
pub trait Seal: Send + Sync {
    /// What a piece becomes under a name. Nothing when it cannot be sealed: then it must not leave.
    fn seal(&self, name: &[u8], piece: &[u8]) -> Option<Vec<u8>>;

    /// The piece that was sealed under this name. Nothing when it was not, was changed since, or is of another key.
    fn open(&self, name: &[u8], sealed: &[u8]) -> Option<Vec<u8>>;
}
