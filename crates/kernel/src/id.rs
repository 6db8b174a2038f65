//! Names and identities: namespaces, workflow ids, run ids, execution keys.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::code;
use crate::error::Error;
use crate::limits::ID_BYTES_MAX;
use crate::port::rng::Rng;
use crate::time::Timestamp;

/// The unit of isolation for everything: workflows, runs, ids, credentials, quotas, events.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// Name of the namespace used when none is given.
    pub const DEFAULT: &'static str = "default";

    /// A namespace of this name. Names are letters, digits, `-`, `_` and `.`, and begin with a letter or digit.
    pub fn new(name: &str) -> Result<Namespace, Error> {
        let first_fits = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        let rest_fits = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if first_fits && rest_fits && name.len() <= ID_BYTES_MAX {
            return Ok(Namespace(name.into()));
        }
        Err(Error::new(&code::BAD_REQUEST, format!("{name:?} is not a namespace name"))
            .help("use letters, digits, `-`, `_` and `.`, beginning with a letter or digit"))
    }

    /// The namespace of what Nexus keeps for itself. Its name is none that anybody could give.
    pub fn system() -> Namespace {
        Namespace("_nexus".into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Namespace {
    fn default() -> Namespace {
        Namespace(Namespace::DEFAULT.into())
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The caller's name of one piece of work. At most one run of it is open in a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkflowId(Arc<str>);

impl WorkflowId {
    /// A workflow id; any text of 1 to [`ID_BYTES_MAX`] bytes without control characters.
    pub fn new(id: &str) -> Result<WorkflowId, Error> {
        if !id.is_empty() && id.len() <= ID_BYTES_MAX && !id.chars().any(char::is_control) {
            return Ok(WorkflowId(id.into()));
        }
        Err(Error::new(&code::BAD_REQUEST, "the workflow id is empty, too long or holds control characters")
            .help(format!("use 1 to {ID_BYTES_MAX} bytes of printable text")))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkflowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity of one run: `run_` and 26 characters that sort by time of creation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Arc<str>);

/// Crockford's base 32: no letters that look like digits, and it sorts as the number does.
const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl RunId {
    /// What every run id begins with.
    pub const PREFIX: &'static str = "run_";

    /// A new id from the time and 80 random bits, laid out as UUID version 7.
    pub fn generate(now: Timestamp, rng: &dyn Rng) -> RunId {
        let mut random = [0_u8; 10];
        rng.fill(&mut random);
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        RunId(format!("{}{}", RunId::PREFIX, base32(uuid.as_u128())).into())
    }

    /// Reads an id given by a caller. It need not exist.
    pub fn parse(text: &str) -> Result<RunId, Error> {
        let digits = text.strip_prefix(RunId::PREFIX).unwrap_or("");
        if digits.len() == 26 && digits.bytes().all(|b| BASE32.contains(&b)) {
            return Ok(RunId(text.into()));
        }
        Err(Error::new(&code::RUN_UNKNOWN, format!("{text:?} is not a run id"))
            .help("run ids look like run_0688ab1tdpv3h9m5x7cq2wnk4e; `nexus run list` shows them"))
    }

    /// The field of a verb's input that a run belongs into as people name it: what does not look like a run's id is the
    /// workflow id that its caller chose.
    pub fn field_of(text: &str) -> &'static str {
        if RunId::parse(text).is_ok() { "run_id" } else { "workflow_id" }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A number drawn from the id, for a run's own generator: equal ids give equal numbers.
    pub fn seed(&self) -> u64 {
        use sha2::{Digest, Sha256};
        let hash = Sha256::digest(self.0.as_bytes());
        hash.iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity of a session: `ses_` and 26 characters of chance. Whoever knows it can use the session as far as they
/// are its principal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// What every session id begins with.
    pub const PREFIX: &'static str = "ses_";

    /// A new id of 128 random bits.
    pub fn generate(rng: &dyn Rng) -> SessionId {
        let mut random = [0_u8; 16];
        rng.fill(&mut random);
        SessionId(format!("{}{}", SessionId::PREFIX, base32(u128::from_le_bytes(random))).into())
    }

    /// Reads an id given by a caller. It need not exist.
    pub fn parse(text: &str) -> Result<SessionId, Error> {
        let digits = text.strip_prefix(SessionId::PREFIX).unwrap_or("");
        if digits.len() == 26 && digits.bytes().all(|b| BASE32.contains(&b)) {
            return Ok(SessionId(text.into()));
        }
        Err(Error::new(&code::SESSION_UNKNOWN, "that is not a session id")
            .help("session ids look like ses_0688ab1tdpv3h9m5x7cq2wnk4e; `nexus session create` makes one"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity of a Nexus endpoint, which outlives its names: `ep_` and 26 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EndpointId(Arc<str>);

impl EndpointId {
    /// What every id of an endpoint begins with.
    pub const PREFIX: &'static str = "ep_";

    /// A new id of 128 random bits.
    pub fn generate(rng: &dyn Rng) -> EndpointId {
        let mut random = [0_u8; 16];
        rng.fill(&mut random);
        EndpointId::of_bits(u128::from_le_bytes(random))
    }

    /// The id of an endpoint that is written down in a project, where nobody can give it one: it follows from the name.
    pub fn of_name(name: &str) -> EndpointId {
        use sha2::{Digest, Sha256};
        let hash = Sha256::digest(name.as_bytes());
        EndpointId::of_bits(hash.iter().take(16).fold(0, |bits, byte| (bits << 8) | u128::from(*byte)))
    }

    fn of_bits(bits: u128) -> EndpointId {
        EndpointId(format!("{}{}", EndpointId::PREFIX, base32(bits)).into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn base32(value: u128) -> String {
    let digit = |at: u32| {
        let five_bits = usize::try_from((value >> (at * 5)) & 31).unwrap_or(0);
        char::from(BASE32.get(five_bits).copied().unwrap_or(b'0'))
    };
    (0..26).rev().map(digit).collect()
}

/// What one history belongs to: a workflow id in a namespace, not a run id, so that "one open run", id reuse and
/// continue-as-new are decisions over a single key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Where.
    pub namespace: Namespace,
    /// Which.
    pub workflow_id: WorkflowId,
}

impl Key {
    /// The logical partition that owns this key. The count is fixed for ever; owners of partitions change.
    pub fn partition(&self) -> Partition {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325; // FNV-1a: stable across versions and machines
        for byte in self.namespace.as_str().bytes().chain([0]).chain(self.workflow_id.as_str().bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Partition(u16::try_from((hash ^ (hash >> 32)) % u64::from(Partition::COUNT)).unwrap_or(0))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.workflow_id)
    }
}

/// One of the logical logs that keys are spread over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Partition(pub u16);

impl Partition {
    /// How many there are. Large, so that the number of servers is never a decision made on the first day.
    pub const COUNT: u16 = 256;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::rng::SeededRng;

    #[test]
    fn run_ids_sort_by_time_and_parse_back() {
        let rng = SeededRng::new(7);
        let early = RunId::generate(Timestamp::from_millis(1_000), &rng);
        let late = RunId::generate(Timestamp::from_millis(2_000), &rng);
        assert!(early < late, "{early} {late}");
        assert_eq!(RunId::parse(early.as_str()).unwrap(), early);
        assert!(RunId::parse("run_short").is_err());
        assert!(RunId::parse("RUN_0688ab1tdpv3h9m5x7cq2wnk4e").is_err());
    }

    #[test]
    fn namespaces_refuse_what_a_path_or_subject_could_misread() {
        for bad in ["", "-a", "a/b", "a b", "..", "é"] {
            assert!(Namespace::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Namespace::new("team-1.eu").unwrap().as_str(), "team-1.eu");
    }

    #[test]
    fn the_partition_of_a_key_never_changes() {
        let key = Key {
            namespace: Namespace::new("orders").unwrap(),
            workflow_id: WorkflowId::new("order-1").unwrap(),
        };
        assert_eq!(key.partition(), Partition(36), "stored logs depend on this");
    }
}
