//! Which traces are kept.

use nexus_kernel::error::Error;
use nexus_kernel::trace::{TraceContext, TraceId};

use super::{Variable, wrong};
use crate::config::telemetry::TelemetryConfig;

/// The names of the samplers, as OpenTelemetry has them.
const NAMES: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// Which traces are kept: some of all, and perhaps those that others keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sampler {
    /// Traces whose lowest 56 bits are less than this.
    below: u64,
    /// Whether it is for those who have begun a trace to say.
    minds_parent: bool,
}

impl Sampler {
    /// What is set: all traces, and of those that others have begun the ones that they keep.
    pub(super) fn of(config: &TelemetryConfig, variable: Variable<'_>) -> Result<Sampler, Error> {
        let Some(name) = variable("OTEL_TRACES_SAMPLER") else {
            return Ok(Sampler::ratio(config.sample_ratio.unwrap_or(1.0), true));
        };
        let Some(name) = NAMES.into_iter().find(|known| *known == name) else {
            return Err(wrong(format!("OTEL_TRACES_SAMPLER: there is no sampler {name:?}"))
                .help(format!("there are {}", NAMES.join(", "))));
        };
        let (minds_parent, kind) = match name.strip_prefix("parentbased_") {
            Some(kind) => (true, kind),
            None => (false, name),
        };
        let part = match kind {
            "always_on" => 1.0,
            "always_off" => 0.0,
            _ => argument(variable)?,
        };
        Ok(Sampler::ratio(part, minds_parent))
    }

    fn ratio(part: f64, minds_parent: bool) -> Sampler {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "between nothing and 2^56, which a float holds exactly"
        )]
        let below = (part.clamp(0.0, 1.0) * (1_u64 << 56) as f64) as u64;
        Sampler { below, minds_parent }
    }

    /// Whether a trace that begins here is kept.
    pub(crate) fn samples(self, trace: TraceId) -> bool {
        let low = u64::try_from(trace.0 & ((1 << 56) - 1)).unwrap_or(0);
        low < self.below
    }

    /// Whether a trace that others have begun is kept.
    pub(crate) fn continues(self, context: &TraceContext) -> bool {
        if self.minds_parent { context.is_sampled } else { self.samples(context.trace) }
    }
}

fn argument(variable: Variable<'_>) -> Result<f64, Error> {
    let Some(text) = variable("OTEL_TRACES_SAMPLER_ARG") else { return Ok(1.0) };
    let part = text.parse().ok().filter(|part| (0.0..=1.0).contains(part));
    part.ok_or_else(|| {
        wrong(format!("OTEL_TRACES_SAMPLER_ARG: {text:?} is no part of all traces"))
            .help("say a number from 0 to 1")
    })
}

#[cfg(test)]
mod tests {
    use nexus_kernel::memory::rng::SeededRng;
    use nexus_kernel::trace::TraceIds;

    use super::*;

    fn sampler(name: &str, argument: &str) -> Sampler {
        let find = |variable: &str| match variable {
            "OTEL_TRACES_SAMPLER" => Some(name.to_owned()),
            _ => Some(argument.to_owned()).filter(|it| !it.is_empty()),
        };
        Sampler::of(&TelemetryConfig::default(), &find).unwrap()
    }

    #[test]
    fn a_part_of_all_traces_is_that_part() {
        let ids = TraceIds::new(&SeededRng::new(7));
        let tenth = sampler("parentbased_traceidratio", "0.1");
        let kept = (0..100_000).filter(|_| tenth.samples(ids.trace())).count();
        assert!((9_500..10_500).contains(&kept), "{kept}");
        let all = (sampler("always_on", ""), sampler("always_off", ""));
        assert!((0..1_000).all(|_| all.0.samples(ids.trace()) && !all.1.samples(ids.trace())));
    }

    #[test]
    fn who_began_a_trace_says_whether_it_is_kept() {
        let kept = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let kept = TraceContext::parse(kept, None).unwrap();
        let other = TraceContext { is_sampled: false, ..kept.clone() };
        let parent = sampler("parentbased_always_off", "");
        assert!(parent.continues(&kept) && !parent.continues(&other) && !parent.samples(kept.trace));
        let own = sampler("always_on", "");
        assert!(own.continues(&other));
    }
}
