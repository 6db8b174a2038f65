//! The variables of one body: what they have been found to be, and which of them share lists and objects.

use std::cell::Cell;

use super::join::Written;
use super::ty::Ty;
use crate::text::source::Span;
use crate::twf::hash::QuickMap;

/// A variable's number.
pub(super) type Slot = u32;

/// One variable.
#[derive(Debug)]
pub(super) struct Var<'a> {
    pub(super) name: &'a str,
    pub(super) ty: Ty,
    /// Where it is bound first in the text.
    pub(super) first: Option<Span>,
    /// Whether it is a parameter whose type is declared.
    pub(super) declared: bool,
    /// The variable that stands for all it shares values with; itself when it is that one.
    group: Slot,
    /// Of the one that stands for a group: how many there are in it.
    members: u32,
    /// Of the one that stands for a group: what was written into what they share.
    written: Written,
    /// Of the one that stands for a group: whether two ways lead to one value.
    shared: bool,
    /// Of the one that stands for a group: whether something was written while only one way led there.
    alone: bool,
    /// The round in which it was read last.
    read: Cell<u32>,
}

/// What was known about a variable.
pub(super) struct Mark {
    ty: Ty,
    is_read: bool,
    news: u32,
}

/// All variables of a body. A name has one variable for the whole workflow; handlers have some of their own.
#[derive(Debug, Default)]
pub(super) struct Vars<'a> {
    all: Vec<Var<'a>>,
    names: QuickMap<&'a str, Slot>,
    /// The own variables of the handler that is being looked at.
    pub(super) local: QuickMap<&'a str, Slot>,
    /// How often something became known in this round that was asked for earlier in it.
    news: u32,
    round: u32,
}

impl<'a> Vars<'a> {
    /// The variable with this name; made when there is none yet.
    pub(super) fn slot(&mut self, name: &'a str) -> Slot {
        if let Some(slot) = self.lookup(name) {
            return slot;
        }
        let slot = self.fresh(name);
        self.names.insert(name, slot);
        slot
    }

    /// The variable with this name, when there is one.
    pub(super) fn lookup(&self, name: &str) -> Option<Slot> {
        self.local.get(name).or_else(|| self.names.get(name)).copied()
    }

    /// A variable that the names of the body do not lead to.
    pub(super) fn fresh(&mut self, name: &'a str) -> Slot {
        let slot = Slot::try_from(self.all.len()).unwrap_or(Slot::MAX);
        self.all.push(Var {
            name,
            ty: Ty::Never,
            first: None,
            declared: false,
            group: slot,
            members: 1,
            written: Written::default(),
            shared: false,
            alone: false,
            read: Cell::new(u32::MAX),
        });
        slot
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Var<'a>> {
        self.all.get(slot as usize)
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Var<'a>> {
        self.all.get_mut(slot as usize)
    }

    /// All variables.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Var<'a>> {
        self.all.iter()
    }

    /// What a variable is as far as is known. Should it be more by the end of the round, there will be another one.
    pub(super) fn ty(&self, slot: Slot) -> Ty {
        let Some(var) = self.get(slot) else { return Ty::ANY };
        var.read.set(self.round);
        var.ty.clone()
    }

    /// What is known about a variable before a statement that may use and assign it.
    pub(super) fn mark(&self, slot: Slot) -> Mark {
        let var = self.get(slot);
        let is_read = var.is_some_and(|var| var.read.get() == self.round);
        Mark { ty: var.map_or(Ty::Never, |var| var.ty.clone()), is_read, news: self.news }
    }

    /// Whether the one thing that the statement made known is about the variable, and nobody but the statement itself
    /// has asked for that: then it is forgotten as news, and the statement is to be gone through again.
    pub(super) fn has_fed_itself(&mut self, slot: Slot, mark: &Mark) -> bool {
        let Some(var) = self.get(slot) else { return false };
        let has = !mark.is_read && self.news == mark.news + 1 && var.ty != mark.ty;
        if has {
            var.read.set(0);
            self.news = mark.news;
        }
        has
    }

    /// This round cannot be the last.
    pub(super) fn ask_again(&mut self) {
        self.news += 1;
    }

    /// Begins a round; false when nothing that was read in the one before has become more since, so that one was the
    /// last. Most bodies name what they use before they use it, and are done after one round.
    pub(super) fn next_round(&mut self) -> bool {
        self.round += 1;
        self.round == 1 || std::mem::take(&mut self.news) > 0
    }

    /// Forgets all variables, but not the room they took.
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.names.clear();
        self.local.clear();
        (self.news, self.round) = (0, 0);
    }

    /// Whether something binds this name.
    pub(super) fn is_bound(&self, name: &str) -> bool {
        self.lookup(name)
            .and_then(|slot| self.get(slot))
            .is_some_and(|var| var.first.is_some() || var.declared)
    }

    /// A variable may be of this type, too.
    pub(super) fn bind(&mut self, slot: Slot, ty: Ty, place: Option<Span>) {
        let ty = self.seen_from(slot, ty);
        let Some(var) = self.all.get_mut(slot as usize) else { return };
        if let Some(place) = place
            && var.first.is_none_or(|first| place.start < first.start)
        {
            var.first = Some(place);
        }
        if var.ty == ty {
            return;
        }
        let joined = match var.ty {
            Ty::Never => ty,
            _ => var.ty.clone().join(ty).bounded(),
        };
        if joined != var.ty {
            var.ty = joined;
            self.news += u32::from(var.read.get() == self.round);
        }
    }

    /// Nothing is known about any variable.
    pub(super) fn give_up(&mut self) {
        self.all.iter_mut().for_each(|var| var.ty = Ty::ANY);
    }

    /// What a value read by way of a variable is, after all that was written into what the variable shares.
    pub(super) fn seen_from(&self, slot: Slot, ty: Ty) -> Ty {
        match self.all.get(self.head(slot) as usize) {
            Some(head) if !head.written.is_empty() => head.written.applied(&ty),
            _ => ty,
        }
    }

    fn head(&self, slot: Slot) -> Slot {
        let mut at = slot;
        while let Some(var) = self.get(at).filter(|var| var.group != at) {
            at = var.group;
        }
        at
    }

    /// Two variables may hold the same list or object.
    pub(super) fn share(&mut self, a: Slot, b: Slot) {
        let (a, b) = (self.head(a), self.head(b));
        if a == b {
            if let Some(head) = self.get_mut(a).filter(|head| !head.shared) {
                head.shared = true;
                let alone = head.alone;
                self.news += u32::from(alone);
            }
            return;
        }
        // The larger group takes the other one in, so that the ways to its head stay short.
        let members = |slot: Slot| self.get(slot).map_or(0, |var| var.members);
        let (head, other) = if members(a) >= members(b) { (a, b) } else { (b, a) };
        let taken = self.get_mut(other).map(|other| {
            other.group = head;
            (other.members, std::mem::take(&mut other.written), other.alone)
        });
        if let (Some(head), Some((members, written, alone))) = (self.get_mut(head), taken) {
            head.shared = true;
            head.members += members;
            head.alone |= alone;
            // What was written before has to be noted, and what was noted holds for more variables.
            let is_news = head.alone || !written.is_empty() || !head.written.is_empty();
            head.written.absorb(written);
            self.news += u32::from(is_news);
        }
    }

    /// Whether what a variable holds may be reached in more than one way.
    pub(super) fn is_shared(&self, slot: Slot) -> bool {
        self.get(self.head(slot)).is_some_and(|head| head.shared)
    }

    /// Something was written into what only this variable holds so far.
    pub(super) fn wrote_alone(&mut self, slot: Slot) {
        let head = self.head(slot);
        if let Some(head) = self.get_mut(head) {
            head.alone = true;
        }
    }

    /// Something was written into what a variable shares with others.
    pub(super) fn write(&mut self, slot: Slot, written: Written) {
        let head = self.head(slot);
        let Some(head) = self.get_mut(head) else { return };
        let before = head.written.clone();
        head.written.absorb(written);
        let is_new = head.written != before;
        self.news += u32::from(is_new);
    }
}
