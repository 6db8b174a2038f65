//! Rules: which calls leave lines, whether a call waits for its first one, and whether its input is in it.

use nexus_kernel::access::{Action, needed};
use nexus_kernel::operation::{Effect, Operation};

/// Which calls leave lines. Refusals always do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recorded {
    /// All.
    #[default]
    All,
    /// Those that change something or start work.
    Writes,
    /// Those of administrators.
    Admin,
}

/// What becomes of a call that changes something when its first line cannot be made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// It is refused; nothing was carried out.
    #[default]
    Refuse,
    /// It is carried out; the log says that lines were lost once it can.
    Continue,
}

/// What is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// Which calls.
    pub recorded: Recorded,
    /// What to do when lines cannot be written.
    pub on_failure: OnFailure,
    /// Whether inputs are recorded; those of administrators always are.
    pub has_inputs: bool,
}

/// What holds for one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Treatment {
    /// It leaves lines.
    pub(crate) is_recorded: bool,
    /// Its first line is durable before it is carried out.
    pub(crate) is_awaited: bool,
    /// Its input is recorded.
    pub(crate) has_input: bool,
}

impl Rules {
    /// Whether what changes something waits for its line.
    pub(crate) fn is_strict(self) -> bool {
        self.on_failure == OnFailure::Refuse
    }

    /// What holds for a call of this operation.
    pub(crate) fn of(self, operation: &Operation) -> Treatment {
        let is_admin = is_administrative(operation);
        let is_recorded = match self.recorded {
            Recorded::All => true,
            Recorded::Writes => is_admin || operation.effect != Effect::Read,
            Recorded::Admin => is_admin,
        };
        let is_change = is_admin || operation.effect == Effect::Write;
        Treatment {
            is_recorded,
            is_awaited: is_recorded && is_change && self.is_strict(),
            has_input: is_recorded && (self.has_inputs || is_admin),
        }
    }
}

/// Whether it changes the server itself, or deletes something.
fn is_administrative(operation: &Operation) -> bool {
    if operation.is_workflow() || operation.effect == Effect::Read {
        return false;
    }
    let act = needed(&operation.name).act;
    (act.resource == "admin" && act.action != Action::Read) || operation.name.ends_with(".delete")
}

#[cfg(test)]
mod tests {
    use nexus_kernel::access::VERBS;

    use super::*;
    use crate::audit::tests::operation;

    #[test]
    fn changes_wait_and_ordinary_calls_do_not() {
        let rules = Rules::default();
        let of = |name: &str, effect| rules.of(&operation(name, effect));
        let plain = Treatment { is_recorded: true, is_awaited: false, has_input: false };
        assert_eq!(of("run.list", Effect::Read), plain);
        assert_eq!(of("run.start", Effect::Long), plain);
        assert_eq!(of("run.signal", Effect::Write), Treatment { is_awaited: true, ..plain });
        let all = Treatment { is_recorded: true, is_awaited: true, has_input: true };
        assert_eq!(of("key.create", Effect::Write), all);
        assert_eq!(of("run.delete", Effect::Write), all);
        assert_eq!(of("workflow.promote", Effect::Write), all);
        assert_eq!(of("audit.verify", Effect::Read), plain);
    }

    #[test]
    fn less_may_be_recorded_but_never_less_than_what_administrators_do() {
        for (recorded, read, write) in [(Recorded::Writes, false, true), (Recorded::Admin, false, false)] {
            let rules = Rules { recorded, on_failure: OnFailure::Continue, ..Rules::default() };
            assert_eq!(rules.of(&operation("run.list", Effect::Read)).is_recorded, read);
            assert_eq!(rules.of(&operation("run.signal", Effect::Write)).is_recorded, write);
            for (name, _) in VERBS.iter().filter(|(name, _)| name.starts_with("key.") && *name != "key.list")
            {
                let treatment = rules.of(&operation(name, Effect::Write));
                assert!(treatment.is_recorded && treatment.has_input && !treatment.is_awaited, "{name}");
            }
        }
    }
}
