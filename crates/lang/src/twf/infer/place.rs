//! Writing: to variables, and into the lists and objects they hold.

use std::sync::Arc;

use super::body::Body;
use super::expect::{Place, covers, unknown_field};
use super::expr::literal_key;
use super::function::items_of;
use super::join::Written;
use super::ty::{Name, Record, Ty};
use super::vars::Slot;
use crate::text::diagnostic::Diagnostic;
use crate::text::source::Span;
use crate::twf::ast::{AssignOp, BinaryOp, Bind, Expr, ExprKind, Ident, LValue, PathStep};

/// How often an assignment that changes what it uses is gone through at once.
const AGAIN_MAX: usize = 4;

/// A step into a list or object.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A field by name.
    Field(Name),
    /// An element of a list.
    Item,
    /// Whatever a key leads to that is not known.
    Key,
}

/// What is bound, and where it comes from.
pub(super) struct Given {
    pub(super) ty: Ty,
    /// One by one, for `-> (a, b)`.
    pub(super) parts: Option<Vec<Ty>>,
    /// The variables whose lists and objects it may be part of.
    pub(super) roots: Vec<Slot>,
}

impl Given {
    /// A value that nothing else holds.
    pub(super) fn fresh(ty: Ty) -> Given {
        Given { ty, parts: None, roots: Vec::new() }
    }

    fn part(&self, at: usize) -> Ty {
        match &self.parts {
            Some(parts) => parts.get(at).cloned().unwrap_or(Ty::Null),
            None => self.ty.members().iter().map(|it| part_of(it, at)).fold(Ty::Never, Ty::join),
        }
    }
}

/// What `-> (a, b)` takes at a position: an element of a list; of anything else, the first takes it whole.
fn part_of(ty: &Ty, at: usize) -> Ty {
    match ty {
        Ty::Tuple(items) => items.get(at).cloned().unwrap_or(Ty::Null),
        Ty::List(_) | Ty::Any(_) | Ty::Never => ty.item(),
        // A promise of a message has its arguments as fields.
        Ty::Record(record) if record.label.is_none() => {
            let field = record.fields.get(at).map_or(Ty::Null, |(_, ty)| ty.clone());
            if at == 0 { field.join(ty.clone()) } else { field.or_null() }
        }
        _ if at == 0 => ty.clone(),
        _ => Ty::Null,
    }
}

impl<'a> Body<'_, 'a> {
    /// A variable gets a value.
    pub(super) fn bind_name(&mut self, name: &'a Ident, ty: Ty, value: Option<&Expr>) {
        let slot = self.vars.slot(&name.name);
        let mut roots = Vec::new();
        if let Some(value) = value.filter(|_| ty.is_shared()) {
            self.roots(value, &mut roots);
        }
        self.bind_slot(slot, name, ty, &roots);
    }

    pub(super) fn bind_slot(&mut self, slot: Slot, name: &'a Ident, ty: Ty, roots: &[Slot]) {
        let ty = if matches!(ty, Ty::Tuple(_)) { Ty::list(ty.item()) } else { ty };
        if ty.is_shared() {
            // `x = x.append(1)` holds what it held before, in one way.
            for root in roots.iter().filter(|root| **root != slot || roots.len() > 1) {
                self.vars.share(slot, *root);
            }
        }
        self.vars.bind(slot, ty, Some(name.span));
        if let Some(seen) = &mut self.seen
            && let Some(var) = self.vars.get(slot)
        {
            seen.push((name.span, var.ty.clone()));
        }
    }

    /// A result goes where it belongs.
    pub(super) fn bind(&mut self, bind: Option<&'a Bind>, given: Given) {
        self.note(bind, &given);
        match bind {
            None => {}
            Some(Bind::Place(place)) => self.assign_to(place, given.ty, (None, &given.roots)),
            Some(Bind::Tuple(names)) => {
                for (at, name) in names.iter().enumerate() {
                    let slot = self.vars.slot(&name.name);
                    self.bind_slot(slot, name, given.part(at), &given.roots);
                }
            }
        }
    }

    /// `await all -> results` collects the value that a branch binds last.
    fn note(&mut self, bind: Option<&Bind>, given: &Given) {
        let Some(branch) = self.branches.last_mut() else { return };
        let ty = if matches!(given.ty, Ty::Tuple(_)) { Ty::list(given.ty.item()) } else { given.ty.clone() };
        match (bind, branch.depth) {
            // A tuple is collected as the list that it was taken from.
            (Some(Bind::Tuple(_)), _) if given.parts.is_some() => branch.ty = Some(Ty::ANY),
            (Some(_), 0) => branch.ty = Some(ty),
            _ => branch.ty = Some(branch.ty.take().unwrap_or(Ty::Null).join(ty)),
        }
        branch.roots.extend(&given.roots);
    }

    pub(super) fn assign(&mut self, place: &'a LValue, op: AssignOp, value: &'a Expr, span: Span) {
        let slot = self.vars.slot(&place.root.name);
        self.again(slot, &mut |body| body.assign_once(place, op, value, span));
    }

    /// `total = total + price` may make more of `total` than it was, and then gives more: it is gone through again at
    /// once, so that this alone does not take another round through the body.
    pub(super) fn again(&mut self, slot: Slot, walk: &mut dyn FnMut(&mut Self)) {
        let (found, seen) = (self.found.len(), self.seen.as_ref().map_or(0, Vec::len));
        for _ in 0..AGAIN_MAX {
            let mark = self.vars.mark(slot);
            self.found.truncate(found);
            self.seen.iter_mut().for_each(|it| it.truncate(seen));
            walk(self);
            if !self.vars.has_fed_itself(slot, &mark) {
                return;
            }
        }
        self.vars.ask_again();
    }

    fn assign_once(&mut self, place: &'a LValue, op: AssignOp, value: &'a Expr, span: Span) {
        let ty = match operator(op) {
            None => match self.declared_at(place) {
                Some((wanted, of, name, declared)) => {
                    let place = Place::Field { of: &of, name: &name, declared };
                    self.expect(value, &wanted, &place)
                }
                None => self.expr(value),
            },
            Some(op) => {
                let right = self.expr(value);
                let left = self.read(place);
                let softly = |ty: Ty| if ty == Ty::Null { Ty::ANY } else { ty };
                self.combined(op, (&softly(left), &softly(right)), span)
            }
        };
        let mut roots = Vec::new();
        if ty.is_shared() {
            self.roots(value, &mut roots);
        }
        if place.path.is_empty()
            && let Some(branch) = self.branches.last_mut()
        {
            branch.ty = Some(branch.ty.take().unwrap_or(Ty::Null).join(ty.clone()));
            branch.roots.extend(&roots);
        }
        self.assign_to(place, ty, (Some(value), &roots));
    }

    /// The field of a declared type that a path leads to, and the names of the type and field.
    fn declared_at(&mut self, place: &'a LValue) -> Option<(Ty, Name, Name, Span)> {
        let Some((PathStep::Field(field), before)) = place.path.split_last() else { return None };
        let mut ty = self.root_ty(&place.root);
        for step in before {
            let PathStep::Field(name) = step else { return None };
            ty = match &ty {
                Ty::Named(of) => self.world.declared.get(of)?.field(&name.name)?.ty.clone(),
                _ => return None,
            };
        }
        let Ty::Named(of) = &ty else { return None };
        let found = self.world.declared.get(of)?.field(&field.name)?;
        Some((found.ty.clone(), of.clone(), found.name.clone(), found.node.ty.span))
    }

    fn root_ty(&mut self, root: &'a Ident) -> Ty {
        let slot = self.vars.slot(&root.name);
        self.vars.ty(slot)
    }

    /// What is at a place now.
    pub(super) fn read(&mut self, place: &'a LValue) -> Ty {
        let mut ty = self.root_ty(&place.root);
        for step in &place.path {
            ty = self.step(&ty, step);
        }
        let slot = self.vars.slot(&place.root.name);
        self.vars.seen_from(slot, ty)
    }

    fn step(&mut self, ty: &Ty, step: &'a PathStep) -> Ty {
        match step {
            PathStep::Field(name) => self.field(ty, name),
            PathStep::Index(at) => {
                let key = self.expr(at);
                self.element(ty, &key, literal_key(at), at.span)
            }
        }
    }

    /// A place gets a value; `value` is the expression when there is one, the roots are where it comes from.
    pub(super) fn assign_to(
        &mut self,
        place: &'a LValue,
        ty: Ty,
        (value, roots): (Option<&'a Expr>, &[Slot]),
    ) {
        let slot = self.vars.slot(&place.root.name);
        let Some((last, before)) = place.path.split_last() else {
            return self.bind_slot(slot, &place.root, ty, roots);
        };
        let mut holder = self.vars.ty(slot);
        self.see(place.root.span, &holder);
        let mut steps = Vec::with_capacity(place.path.len());
        for step in before {
            steps.push(step_of(step));
            holder = self.step(&holder, step);
        }
        steps.push(step_of(last));
        self.writable(&holder, last, (&ty, value));
        if ty.is_shared() {
            for root in roots {
                self.vars.share(slot, *root);
            }
        }
        self.write(slot, &steps, &ty);
    }

    /// Reports a write that what is written into cannot take.
    fn writable(&mut self, holder: &Ty, step: &'a PathStep, (ty, value): (&Ty, Option<&'a Expr>)) {
        match step {
            PathStep::Index(at) => {
                let key = self.expr(at);
                self.element(holder, &key, literal_key(at), at.span);
            }
            PathStep::Field(field) => {
                let can = |it: &Ty| {
                    matches!(
                        it,
                        Ty::Any(_) | Ty::Never | Ty::Map(_) | Ty::Record(_) | Ty::Named(_) | Ty::Null
                    )
                };
                if !holder.members().iter().any(can) {
                    let message = format!(
                        "`{holder}` has no fields that could be written, so none is `{}`",
                        field.name
                    );
                    return self.report(Diagnostic::error("TYPE_MISMATCH", field.span, message));
                }
                if let Ty::Named(of) = holder {
                    self.declared_write((of, field), (ty, value));
                }
            }
        }
    }

    fn declared_write(&mut self, (of, field): (&Name, &'a Ident), (ty, value): (&Ty, Option<&'a Expr>)) {
        let Some(found) = self.world.declared.get(of) else { return };
        let Some(known) = found.field(&field.name) else {
            let diagnostic = unknown_field(found, field);
            return self.report(diagnostic);
        };
        // With an expression the value has been compared already.
        let (wanted, declared) = (known.ty.clone(), known.node.ty.span);
        if value.is_none()
            && let Some(misfit) = self.world.declared.misfit(ty, &wanted)
        {
            let place = Place::Field { of, name: &field.name, declared };
            self.misfit((field.span, ty), &wanted, (&misfit, &place));
        }
    }

    /// Writes by way of an expression: `order.lines.append(line)`.
    pub(super) fn write_expr(&mut self, holder: &'a Expr, step: Step, (ty, value): (&Ty, Option<&'a Expr>)) {
        let mut from = Vec::new();
        if let Some(value) = value.filter(|_| ty.is_shared()) {
            self.roots(value, &mut from);
        }
        let mut roots = Vec::new();
        self.roots(holder, &mut roots);
        for root in &roots {
            for other in &from {
                self.vars.share(*root, *other);
            }
        }
        if let Some((slot, mut steps)) = self.steps_of(holder) {
            steps.push(step);
            return self.write(slot, &steps, ty);
        }
        let written = written(&step, ty);
        for root in roots {
            self.vars.write(root, written.clone());
        }
    }

    /// What a path leads to, without a word about what is wrong with it.
    fn peek(&self, ty: Ty, steps: &[Step]) -> Ty {
        steps.iter().fold(ty, |ty, step| match step {
            Step::Field(name) => {
                let found = ty.members().iter().filter_map(|it| self.field_of_member(it, name));
                found.fold(Ty::Never, Ty::join)
            }
            Step::Item => items_of(&ty),
            Step::Key => items_of(&ty).join(self.values_of(&ty)),
        })
    }

    /// The variable and the steps of a path.
    fn steps_of(&self, expr: &Expr) -> Option<(Slot, Vec<Step>)> {
        let (base, step) = match &expr.kind {
            ExprKind::Name(name) => {
                let is_bound = self.lambdas.iter().any(|it| it.name == name);
                return self.vars.lookup(name).filter(|_| !is_bound).map(|slot| (slot, Vec::new()));
            }
            ExprKind::Field(base, field) | ExprKind::OptField(base, field) => {
                (base, Step::Field(field.name.clone()))
            }
            ExprKind::Index(base, at) => (base, index_step(at)),
            _ => return None,
        };
        let (slot, mut steps) = self.steps_of(base)?;
        steps.push(step);
        Some((slot, steps))
    }

    /// Something is written at the end of a path: the variable's own type takes it up. What is shared is noted, and
    /// so is what a declared type does not cover.
    fn write(&mut self, slot: Slot, steps: &[Step], ty: &Ty) {
        let old = self.vars.ty(slot);
        let new = updated(&old, steps, ty).bounded();
        let is_covered = self.vars.is_shared(slot) || covers(&self.peek(new.clone(), steps), ty);
        self.vars.bind(slot, new, None);
        if (self.vars.is_shared(slot) || !is_covered)
            && let Some(last) = steps.last()
        {
            self.vars.write(slot, written(last, ty));
        } else {
            self.vars.wrote_alone(slot);
        }
    }
}

fn written(step: &Step, ty: &Ty) -> Written {
    let ty = ty.clone();
    match step {
        Step::Field(name) => Written { fields: vec![(name.clone(), ty)], ..Written::default() },
        Step::Item => Written { items: ty, ..Written::default() },
        Step::Key => Written { items: ty.clone(), values: ty, ..Written::default() },
    }
}

fn step_of(step: &PathStep) -> Step {
    match step {
        PathStep::Field(name) => Step::Field(name.name.clone()),
        PathStep::Index(at) => index_step(at),
    }
}

fn index_step(at: &Expr) -> Step {
    match literal_key(at) {
        Some(key) => Step::Field(key.into()),
        None => Step::Key,
    }
}

/// A type after a write at the end of a path into it.
fn updated(ty: &Ty, steps: &[Step], value: &Ty) -> Ty {
    let Some((step, rest)) = steps.split_first() else { return ty.clone().join(value.clone()) };
    match (ty, step) {
        (Ty::Union(members), _) => {
            members.iter().map(|it| updated(it, steps, value)).fold(Ty::Never, Ty::join)
        }
        (Ty::List(item), Step::Item | Step::Key) => Ty::list(updated(item, rest, value)),
        (Ty::Map(inner), Step::Field(_) | Step::Key) => Ty::Map(Arc::new(updated(inner, rest, value))),
        (Ty::Record(record), Step::Key)
            if record.fields.is_empty() && !record.open && record.label.is_none() =>
        {
            Ty::Map(Arc::new(updated(&Ty::Never, rest, value)))
        }
        (Ty::Record(record), Step::Field(_) | Step::Key) => {
            Ty::Record(Arc::new(written_to(record, (step, rest), value)))
        }
        _ => ty.clone(),
    }
}

fn written_to(record: &Record, (step, rest): (&Step, &[Step]), value: &Ty) -> Record {
    let mut made = record.clone();
    match step {
        Step::Field(name) => match made.fields.iter_mut().find(|(it, _)| it == name) {
            Some((_, old)) => *old = updated(old, rest, value),
            // It was not there before.
            None if rest.is_empty() && !made.open => {
                made.fields.push((name.clone(), value.clone().or_null()));
            }
            None => {}
        },
        _ => {
            made.open = true;
            made.fields.iter_mut().for_each(|(_, old)| *old = updated(old, rest, value));
        }
    }
    made
}

fn operator(op: AssignOp) -> Option<BinaryOp> {
    match op {
        AssignOp::Set => None,
        AssignOp::Add => Some(BinaryOp::Add),
        AssignOp::Sub => Some(BinaryOp::Sub),
        AssignOp::Mul => Some(BinaryOp::Mul),
        AssignOp::Div => Some(BinaryOp::Div),
    }
}
