//! `await all:` branches, and how their ends are put together.

use super::run::{Flow, Task};
use super::state::{Control, Coroutine, Group, Role, WaitOn};
use super::wait::Outcome;
use crate::twf::code::{All, Branch, CaseOn, Each, Instr};
use crate::twf::failure::Failure;
use crate::twf::fault::Fault;
use crate::twf::value::{Ref, Value};

/// Branches of one `await all`.
const BRANCHES_MAX: usize = 100_000;

impl Task<'_, '_> {
    /// Starts all branches, in source and element order, and gives the group.
    pub(super) fn start_group(&mut self, co: &Coroutine, all: &All) -> Result<u32, Fault> {
        let group = self.m.next.group;
        self.m.next.group += 1;
        let mut branches: Vec<(u32, Option<Ref>)> = Vec::new();
        for branch in &all.branches {
            match &branch.each {
                None => branches.push((self.code.target(branch.entry), co.scope)),
                Some(each) => self.fan_out(co.scope, branch, each, &mut branches)?,
            }
        }
        if branches.len() > BRANCHES_MAX {
            let message = format!("`await all` cannot have more than {BRANCHES_MAX} branches");
            return Err(crate::twf::fault::Trouble::new("VALUE_TOO_LARGE", message).at(self.span(co)));
        }
        let left = u32::try_from(branches.len()).unwrap_or(u32::MAX);
        let results = vec![Value::Null; branches.len()];
        let made = Group { left, results, failures: Vec::new(), waiter: None, orphan: false };
        self.m.groups.insert(group, made);
        for (place, (pc, scope)) in (0..left).zip(branches) {
            let mut branch = Coroutine::new(pc, scope, Role::Branch { group, place });
            branch.shielded = co.shielded;
            self.spawn(branch);
        }
        Ok(group)
    }

    fn fan_out(
        &mut self,
        scope: Option<Ref>,
        branch: &Branch,
        each: &Each,
        into: &mut Vec<(u32, Option<Ref>)>,
    ) -> Result<(), Fault> {
        let Control::Loop { pairs, by_key, .. } = self.pairs(scope, &each.items)? else { return Ok(()) };
        for (key, value) in pairs {
            let own = self.m.heap.new_scope(scope, each.slots as usize);
            let (first, second) = match each.second {
                Some(slot) => (key, Some((slot, value))),
                None if by_key => (key, None),
                None => (value, None),
            };
            for (slot, value) in std::iter::once((each.first, first)).chain(second) {
                if let Some(place) = self.m.heap.variable_mut(own, 0, slot) {
                    *place = value;
                }
            }
            into.push((self.code.target(branch.entry), Some(own)));
        }
        Ok(())
    }

    /// `await all:` as a statement.
    pub(super) fn begin_all(&mut self, id: u32, co: &mut Coroutine, all: &All) -> Result<Flow, Fault> {
        let group = self.start_group(co, all)?;
        self.wait(id, co, vec![WaitOn::Group(group)], false)
    }

    /// A branch came to its end.
    pub(super) fn branch_done(&mut self, group: u32, place: u32, outcome: Outcome) {
        let Some(found) = self.m.groups.get_mut(&group) else { return };
        found.left = found.left.saturating_sub(1);
        match outcome {
            Ok(value) => {
                if let Some(result) = found.results.get_mut(place as usize) {
                    *result = value;
                }
            }
            Err(failure) => found.failures.push((place, *failure)),
        }
        if found.left == 0 {
            match (found.waiter, found.orphan) {
                (_, true) => {
                    self.m.groups.remove(&group);
                }
                (Some(waiter), false) => self.wake(waiter),
                (None, false) => {}
            }
        }
    }

    /// A branch leaves the handler or run: its owner drops the other branches and goes on where the `finally` blocks
    /// around it are run before it leaves. Nobody waits for the branch of a lost case, so it closes the run itself.
    pub(super) fn hand_over(&mut self, co: &mut Coroutine) -> Result<Flow, Fault> {
        let prepared = co.control.pop();
        let Role::Branch { group, .. } = co.role else { return Err(Fault::internal("no branch")) };
        let waiter = self.m.groups.get(&group).and_then(|group| group.waiter);
        let owner = waiter.filter(|(id, no)| self.m.coroutines.get(id).is_some_and(|owner| owner.waits(*no)));
        let Some((id, _)) = owner else {
            return match prepared {
                Some(Control::Close(kind)) => self.close(co, *kind),
                _ => Ok(Flow::Done),
            };
        };
        let Some(mut owner) = self.m.coroutines.remove(&id) else { return Ok(Flow::Done) };
        let landing = self.landing(&owner, group);
        let on = owner.wait.take().map(|wait| wait.on).unwrap_or_default();
        let others: Vec<WaitOn> = on.into_iter().filter(|on| *on != WaitOn::Group(group)).collect();
        self.drop_losers(&others, None, false, self.span(co));
        self.end_group(group);
        owner.control.extend(prepared);
        owner.pc = landing.ok_or_else(|| Fault::internal("nowhere to go on"))?;
        if !std::mem::replace(&mut owner.queued, true) {
            self.m.ready.push_back(id);
        }
        self.m.coroutines.insert(id, owner);
        Ok(Flow::Done)
    }

    /// Where the owner of a group goes on when one of its branches leaves.
    fn landing(&self, owner: &Coroutine, group: u32) -> Option<u32> {
        let all = match self.instr(owner) {
            Instr::All(all) => all,
            Instr::Race(race) => {
                let on = owner.wait.as_ref().map(|wait| &wait.on)?;
                let at = on.iter().position(|on| *on == WaitOn::Group(group))?;
                match &race.cases.get(at)?.on {
                    CaseOn::All(all) => all,
                    CaseOn::On(_) => return None,
                }
            }
            _ => return None,
        };
        all.landing.map(|landing| self.code.target(landing))
    }

    /// Drops the branches of a group wherever they stand.
    fn end_group(&mut self, group: u32) {
        self.m.groups.remove(&group);
        let is_branch = |co: &Coroutine| matches!(&co.role, Role::Branch { group: of, .. } if *of == group);
        let ids: Vec<u32> =
            self.m.coroutines.iter().filter(|(_, co)| is_branch(co)).map(|(id, _)| *id).collect();
        for id in ids {
            let Some(mut co) = self.m.coroutines.remove(&id) else { continue };
            let span = self.span(&co);
            for on in co.wait.take().map(|wait| wait.on).unwrap_or_default() {
                match on {
                    WaitOn::Group(inner) => self.end_group(inner),
                    other => self.drop_losers(&[other], None, false, span),
                }
            }
        }
    }

    /// The results in source order, or the first failure in source order with the others suppressed.
    pub(super) fn group_outcome(&mut self, group: u32) -> Outcome {
        let Some(mut group) = self.m.groups.remove(&group) else { return Ok(Value::Null) };
        group.failures.sort_by_key(|(place, _)| *place);
        match first_with_others(group.failures.into_iter().map(|(_, failure)| failure).collect()) {
            Some(failure) => Err(Box::new(failure)),
            None => Ok(self.m.heap.new_list(group.results)),
        }
    }
}

/// The first failure, with the others attached.
pub(super) fn first_with_others(failures: Vec<Failure>) -> Option<Failure> {
    let mut failures = failures.into_iter();
    let mut first = failures.next()?;
    first.suppressed.extend(failures);
    Some(first)
}
