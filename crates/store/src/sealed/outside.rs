//! A seal for what servers share outside of their stores. Each store has data keys of its own, so it is made from what the
//! servers have in common: the master key.

use nexus_kernel::port::rng::SharedRng;
use nexus_kernel::port::seal::Seal;

use super::cipher::{Cipher, Salt};
use super::master::Masters;

/// What the key of a master key for this use is named.
const USE: &[u8] = b"nexus outside key";

/// The seal. Whoever has the master key of before opens what it sealed.
pub struct OutsideSeal {
    current: Cipher,
    previous: Vec<Cipher>,
    rng: SharedRng,
}

impl OutsideSeal {
    pub(super) fn new(masters: &Masters, rng: SharedRng) -> OutsideSeal {
        let previous = masters.previous.iter().map(|master| master.cipher.derived(USE)).collect();
        OutsideSeal { current: masters.current.cipher.derived(USE), previous, rng }
    }
}

impl Seal for OutsideSeal {
    fn seal(&self, name: &[u8], piece: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = Vec::new();
        self.current.seal(Salt::Random(&*self.rng), name, piece, &mut sealed)?;
        Some(sealed)
    }

    fn open(&self, name: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        [&self.current].into_iter().chain(&self.previous).find_map(|cipher| cipher.open(name, sealed))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nexus_kernel::memory::rng::SeededRng;

    use super::*;
    use crate::sealed::MasterKey;

    fn key(seed: u64) -> MasterKey {
        MasterKey::parse(&MasterKey::generate(&SeededRng::new(seed))).unwrap()
    }

    fn seal(current: u64, previous: &[u64]) -> OutsideSeal {
        let masters =
            Masters { current: key(current), previous: previous.iter().map(|seed| key(*seed)).collect() };
        OutsideSeal::new(&masters, Arc::new(SeededRng::new(9)))
    }

    #[test]
    fn whoever_has_the_master_key_opens_it_under_its_name() {
        let sealed = seal(1, &[]).seal(b"answer-1", b"secret").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_eq!(seal(1, &[]).open(b"answer-1", &sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(seal(2, &[1]).open(b"answer-1", &sealed).as_deref(), Some(&b"secret"[..]));
        assert_eq!(seal(2, &[]).open(b"answer-1", &sealed), None);
        assert_eq!(seal(1, &[]).open(b"answer-2", &sealed), None);
        assert_eq!(seal(1, &[]).open(b"answer-1", b"secret"), None);
        // It is no key of the store: what is sealed with it opens nothing there.
        assert_eq!(key(1).cipher.open(b"answer-1", &sealed), None);
    }
}
