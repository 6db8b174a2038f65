//! Trace contexts as the W3C Recommendation "Trace Context" has them: what binds the work of many systems for one request
//! together.
//!
//! A context that is not exactly as the Recommendation says is none at all; whoever sent it gets a trace of our own.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::port::blob::Hash;
use crate::port::rng::Rng;

/// Longest `tracestate` that is passed on, in bytes: as much as the Recommendation asks everybody to.
pub const TRACE_STATE_BYTES_MAX: usize = 512;

/// Most members of a `tracestate`.
pub const TRACE_STATE_MEMBERS_MAX: usize = 32;

/// The flag of those whose spans are to be kept.
const SAMPLED: u8 = 1;

/// Where something stands in a trace: the trace, and the span that is the parent of what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span that is under way.
    pub span: SpanId,
    /// Whether spans of this trace are to be kept.
    pub is_sampled: bool,
    /// What other systems pass along, as they wrote it.
    pub state: Option<Arc<str>>,
}

/// The id of a trace: 32 digits, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(pub u128);

/// The id of a span: 16 digits, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(pub u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TraceId {
    /// The id of a trace that begins with something of this name: the same whenever it is asked for.
    pub fn of(name: &str) -> TraceId {
        let digits = Hash::of(name.as_bytes());
        let number = digits.as_str().get(..32).and_then(|digits| u128::from_str_radix(digits, 16).ok());
        TraceId(number.unwrap_or(1).max(1))
    }
}

impl SpanId {
    /// The id of the span of something that has a name which nobody else has: the same whenever it is asked for, so that
    /// it need not be remembered over a restart.
    pub fn of(name: &str) -> SpanId {
        let digits = Hash::of(name.as_bytes());
        let number = digits.as_str().get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
        SpanId(number.unwrap_or(1).max(1))
    }
}

impl TraceContext {
    /// Reads the headers `traceparent` and `tracestate`. A state that is not as it should be is left out; the rest counts.
    pub fn parse(parent: &str, state: Option<&str>) -> Option<TraceContext> {
        let mut parts = parent.splitn(5, '-');
        let version = hex(parts.next()?, 2)?;
        let trace = hex(parts.next()?, 32)?;
        let span = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        // Versions to come may say more; this one may not, and the last one is none.
        let has_more = parts.next().is_some();
        if version == 0xff || (version == 0 && has_more) || trace == 0 || span == 0 {
            return None;
        }
        let state = state.map(str::trim).filter(|state| is_state(state));
        Some(TraceContext {
            trace: TraceId(trace),
            span: SpanId(span),
            is_sampled: flags & SAMPLED != 0,
            state: state.map(Arc::from),
        })
    }

    /// The header `traceparent`.
    pub fn parent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.is_sampled))
    }

    /// The same trace, seen from a span within it.
    #[must_use]
    pub fn within(&self, span: SpanId) -> TraceContext {
        TraceContext { span, ..self.clone() }
    }
}

/// So many hexadecimal digits in lower case.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (text.len() == digits && is_lower).then(|| u128::from_str_radix(text, 16).ok())?
}

/// Whether a text is a list of members, none twice.
fn is_state(text: &str) -> bool {
    let members: Vec<&str> = text.split(',').map(str::trim).filter(|member| !member.is_empty()).collect();
    let mut keys: Vec<&str> = members.iter().map(|it| it.split('=').next().unwrap_or_default()).collect();
    keys.sort_unstable();
    let all = keys.len();
    keys.dedup();
    (1..=TRACE_STATE_MEMBERS_MAX).contains(&all)
        && keys.len() == all
        && text.len() <= TRACE_STATE_BYTES_MAX
        && members.iter().all(|member| is_member(member))
}

fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let is_key = |key: &str, most: usize| {
        let first = key.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let fits = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'*' | b'/')
        };
        first && key.len() <= most && key.bytes().all(fits)
    };
    let is_key = match key.split_once('@') {
        Some((tenant, system)) => {
            is_key(tenant, 241) && is_key(system, 14) && !system.starts_with(|c: char| c.is_ascii_digit())
        }
        None => is_key(key, 256),
    };
    let fits = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b',' && byte != b'=';
    is_key && !value.is_empty() && value.len() <= 256 && value.bytes().all(fits) && !value.ends_with(' ')
}

/// Makes ids of traces and spans: chance from when this was made, stirred with a count. Asking the operating system with
/// every call would be a system call each, and nothing rests on ids being hard to guess.
#[derive(Debug)]
pub struct TraceIds {
    seed: u64,
    count: AtomicU64,
}

impl TraceIds {
    /// A source of ids that differ from those of every other source.
    pub fn new(rng: &dyn Rng) -> TraceIds {
        TraceIds { seed: rng.next_u64(), count: AtomicU64::new(rng.next_u64()) }
    }

    /// A new span's id.
    pub fn span(&self) -> SpanId {
        SpanId(self.next().max(1))
    }

    /// A new trace's id.
    pub fn trace(&self) -> TraceId {
        let (high, low) = (self.next(), self.next());
        TraceId((u128::from(high) << 64 | u128::from(low)).max(1))
    }

    /// The finaliser of `SplitMix64`, which gives each count another number that looks like chance.
    fn next(&self) -> u64 {
        let count = self.count.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
        let mut mixed = count ^ self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::memory::rng::SeededRng;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_example_of_the_recommendation_is_read() {
        let context = TraceContext::parse(PARENT, Some("rojo=00f067aa0ba902b7, congo@t=t61 x")).unwrap();
        assert_eq!(context.trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((context.span.to_string().as_str(), context.is_sampled), ("00f067aa0ba902b7", true));
        assert_eq!(context.state.as_deref(), Some("rojo=00f067aa0ba902b7, congo@t=t61 x"));
        assert_eq!(context.parent(), PARENT);
    }

    #[test]
    fn what_is_not_exactly_a_parent_is_none() {
        let zero_trace = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        let zero_span = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", "0".repeat(16));
        for bad in [
            "",
            "00",
            &PARENT.to_uppercase(),
            &PARENT.replacen("00", "ff", 1),
            &format!("{PARENT}-more"),
            &format!("{PARENT}-"),
            &format!(" {PARENT}"),
            &PARENT.replace('-', "_"),
            &PARENT[1..],
            &zero_trace,
            &zero_span,
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(bad, None), None, "{bad:?}");
        }
        // A version to come may say more, and flags that are not known are not passed on.
        let later = format!("{}-what-is-new", PARENT.replacen("00", "cc", 1).replace("-01", "-ff"));
        assert_eq!(TraceContext::parse(&later, None).unwrap().parent(), PARENT);
    }

    #[test]
    fn a_state_that_is_none_is_left_out() {
        let long = format!("a={}", "x".repeat(257));
        let many = (0..33).map(|it| format!("k{it}=v")).collect::<Vec<_>>().join(",");
        for bad in ["", "a", "=b", "A=b", "a=", "a=b=c", "a=b,a=c", "a=b\u{7f}", "@a=b", "a@=b", &long, &many]
        {
            let read = TraceContext::parse(PARENT, Some(bad)).unwrap();
            assert_eq!(read.state, None, "{bad:?}");
        }
    }

    #[test]
    fn names_have_the_same_span_for_ever() {
        assert_eq!(SpanId::of("run_1"), SpanId::of("run_1"));
        assert_ne!(SpanId::of("run_1"), SpanId::of("run_2"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(trace in 1_u128.., span in 1_u64.., is_sampled: bool) {
            let context = TraceContext { trace: TraceId(trace), span: SpanId(span), is_sampled, state: None };
            prop_assert_eq!(TraceContext::parse(&context.parent(), None), Some(context));
        }

        #[test]
        fn what_is_read_is_written_alike(text in "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-0[01]") {
            if let Some(read) = TraceContext::parse(&text, None) {
                let written = read.parent();
                prop_assert_eq!(written.get(2..), text.get(2..));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(parent in "\\PC{0,80}", state in "\\PC{0,80}") {
            let _ = TraceContext::parse(&parent, Some(&state));
        }

        #[test]
        fn ids_do_not_come_twice(seed: u64) {
            let ids = TraceIds::new(&SeededRng::new(seed));
            let mut all: Vec<_> = (0..1_000).map(|_| ids.span()).collect();
            all.sort_unstable();
            all.dedup();
            prop_assert_eq!(all.len(), 1_000);
        }
    }
}
