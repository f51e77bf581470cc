//! Generic functions: what a call makes of their type parameters, and the instances that this takes. Types flow
//! from the arguments to the parameters; functions among the arguments come last, because what they get is known
//! by then; what is left open is taken from the place of the result.
//!
//! Workers that are generic learn from their arguments in the same way; what else says something is in `clauses`.
//!
//! The body is checked once with its parameters as they are (`fns`); an instance is lowered again and says nothing
//! of its own, unless the type that a call chose does not do what the body needs.

use std::collections::BTreeMap;
use std::rc::Rc;

use flow_diagnostics::Span;
use flow_diagnostics::codes::{secrets, types as codes};
use flow_grammar::ast::Arg;

use super::args::Callee;
use super::fns::{Body, Sig};
use super::{Cx, Lower};
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::{FnRef, WorkerRef};
use crate::types::{Ty, TyKind, with_article};

/// What stands for open type parameters, by their handles.
type Holes = BTreeMap<Ty, Ty>;

/// How deep types are looked into; deeper ones are recursive.
const DEPTH: u32 = 12;

/// A generic function with types in place of its parameters.
pub(crate) struct Instance {
    /// Its declaration.
    pub decl: u32,
    pub args: Vec<Ty>,
    pub sig: Rc<Sig>,
    pub body: Body,
    /// The call that needed it first.
    pub at: Span,
}

impl Lower<'_> {
    pub(super) fn is_generic(&self, index: u32) -> bool {
        !self.names.fns[index as usize].decl.type_params.is_empty()
    }

    /// The call of a generic function.
    pub(super) fn generic_call(
        &mut self,
        cx: &mut Cx,
        index: u32,
        args: &[Arg],
        want: Option<Ty>,
        callee: &Callee<'_>,
    ) -> Expr {
        let open = self.open_sig(index);
        let given = self.matched(&open.params, args, callee);
        let mut holes = Holes::new();
        let mut values: Vec<Option<Expr>> = vec![None; given.len()];
        let mut broken = false;
        for (place, arg) in given.iter().enumerate() {
            let param = open.params[place].ty;
            let (Some(arg), false) = (arg, matches!(self.kind(param), TyKind::Fn(..))) else {
                continue;
            };
            let hint = self.so_far(index, &holes).params[place].ty;
            let hint = (!self.is_open(hint)).then_some(hint);
            let value = self.expr(cx, &arg.value, hint);
            if !self.infer(param, value.ty, &mut holes, DEPTH) {
                self.mismatch(value.ty, value.span, param);
                broken = true;
            }
            values[place] = Some(value);
        }
        if let Some(want) = want {
            self.infer_open(open.result, want, &mut holes);
        }
        for (place, arg) in given.iter().enumerate() {
            let TyKind::Fn(_, open_result) = *self.kind(open.params[place].ty) else {
                continue;
            };
            let (Some(arg), false) = (arg, broken) else {
                continue;
            };
            let Some(value) = self.function_argument(cx, index, &holes, (place, arg)) else {
                broken = true;
                continue;
            };
            if let TyKind::Fn(_, result) = *self.kind(value.ty) {
                self.infer(open_result, result, &mut holes, DEPTH);
            }
            values[place] = Some(value);
        }
        if broken || values.iter().flatten().any(|value| value.ty == self.prim.error) {
            return self.wrong(callee.span);
        }
        self.instance_call(cx, index, args, (values, &holes), callee)
    }

    fn instance_call(
        &mut self,
        cx: &mut Cx,
        index: u32,
        args: &[Arg],
        (values, holes): (Vec<Option<Expr>>, &Holes),
        callee: &Callee<'_>,
    ) -> Expr {
        let span = callee.span;
        let all_given = values.iter().all(Option::is_some);
        let sig = self.so_far(index, holes);
        let mut fitted = Vec::new();
        for (value, param) in values.into_iter().zip(&sig.params) {
            fitted.push(value.map(|value| self.fitted(cx, value, param.ty)));
        }
        let said = self.out.len();
        let values = self.completed(&sig.params, args, fitted, callee);
        if self.out.len() > said {
            return self.wrong(span);
        }
        let Some(function) = self.instance_of(index, holes, span, all_given) else {
            return self.wrong(span);
        };
        Expr {
            kind: ExprKind::Call(function, values.into_iter().map(|(_, value)| value).collect()),
            ty: sig.result,
            span,
        }
    }

    /// What the arguments of a call of a generic worker say about its type parameters.
    pub(super) fn fixed_by_args(
        &mut self,
        cx: &Cx,
        worker: WorkerRef,
        written: &flow_grammar::ast::Call,
    ) -> Vec<Option<Ty>> {
        let said = self.out.len();
        let decl = self.names.workers[worker.index()].decl;
        let open: Vec<Ty> = decl
            .type_params
            .iter()
            .map(|param| self.open_param(&param.name))
            .collect();
        let params = self.worker_instance(worker.0, &open).params.clone();
        let callee = Callee {
            kind: "worker",
            name: &written.callee.name,
            declared: None,
            span: written.span,
        };
        let mut holes = Holes::new();
        for (param, arg) in params.iter().zip(self.matched(&params, &written.args, &callee)) {
            let (Some(arg), true) = (arg, self.is_open(param.ty)) else {
                continue;
            };
            let value = self.expr(&mut cx.clone(), &arg.value, None);
            self.infer(param.ty, value.ty, &mut holes, DEPTH);
        }
        self.out.truncate(said); // the arguments are checked when the types are known
        let known = open.iter().map(|open| holes.get(open).copied());
        known
            .map(|ty| ty.filter(|ty| *ty != self.prim.error && !self.has_secret(*ty)))
            .collect()
    }

    /// A function that takes these types and gives that one: of a generic one the instance, else itself.
    pub(super) fn function_for(
        &mut self,
        index: u32,
        params: &[Ty],
        want: Ty,
        span: Span,
    ) -> (FnRef, Rc<Sig>) {
        let instance = self
            .is_generic(index)
            .then(|| self.instance_for(index, params, Some(want), span));
        match instance.flatten() {
            Some(found) => found,
            None => (FnRef(index), self.fn_sig(index)),
        }
    }

    /// The instance for parameters of these types: of a generic function that is used as a value.
    pub(super) fn instance_for(
        &mut self,
        index: u32,
        params: &[Ty],
        want: Option<Ty>,
        span: Span,
    ) -> Option<(FnRef, Rc<Sig>)> {
        let open = self.open_sig(index);
        let mut holes = Holes::new();
        for (param, given) in open.params.iter().zip(params) {
            self.infer(param.ty, *given, &mut holes, DEPTH);
        }
        if let Some(want) = want {
            self.infer_open(open.result, want, &mut holes);
        }
        let function = self.instance_of(index, &holes, span, true)?;
        Some((function, self.so_far(index, &holes)))
    }

    /// A function among the arguments, its parameters being known by now.
    fn function_argument(
        &mut self,
        cx: &mut Cx,
        index: u32,
        holes: &Holes,
        (place, arg): (usize, &Arg),
    ) -> Option<Expr> {
        let sig = self.so_far(index, holes);
        let TyKind::Fn(params, result) = self.kind(sig.params[place].ty).clone() else {
            return None;
        };
        if let Some(open) = params.iter().find(|ty| self.is_open(**ty)) {
            let shown = self.show(*open);
            self.needs_type(index, &shown, arg.value.span);
            return None;
        }
        let hint = (!self.is_open(result)).then_some(result);
        Some(self.lambda(cx, &arg.value, &params, hint))
    }

    /// A value as the parameter needs it; of a function, what it gives.
    fn fitted(&mut self, cx: &mut Cx, value: Expr, want: Ty) -> Expr {
        if let (ExprKind::Lambda(params, body), TyKind::Fn(_, result)) =
            (&value.kind, self.kind(want).clone())
        {
            let body = self.fit(cx, (**body).clone(), result);
            let kind = ExprKind::Lambda(params.clone(), Box::new(body));
            return Expr {
                kind,
                ty: want,
                span: value.span,
            };
        }
        self.fit(cx, value, want)
    }

    /// The function that a call means; its own declaration within another generic one, where types are still open.
    fn instance_of(&mut self, index: u32, holes: &Holes, span: Span, all_given: bool) -> Option<FnRef> {
        let decl = self.names.fns[index as usize].decl;
        let mut args = Vec::new();
        for param in &decl.type_params {
            let open = self.open_param(&param.name);
            let Some(ty) = holes.get(&open).copied() else {
                if all_given {
                    self.needs_type(index, &param.name, span);
                }
                return None;
            };
            if self.has_secret(ty) {
                let message = format!("`{}` cannot take a secret", decl.name);
                self.error(secrets::SECRET_LEAK, span, message, "would leave its place")
                    .help = Some("a secret goes only where a parameter says `secret`".into());
                return None;
            }
            args.push(ty);
        }
        if args.iter().any(|ty| self.mentions_param(*ty, DEPTH)) {
            return Some(FnRef(index));
        }
        let key = (index, args.clone());
        if let Some(known) = self.fn_instances.get(&key) {
            return Some(FnRef(*known));
        }
        let id = (self.names.fns.len() + self.instances_made.len()) as u32;
        let sig = Rc::new(self.sig_with(index, &args));
        self.instances_made.push(Instance {
            decl: index,
            args,
            sig,
            body: Body::Waiting,
            at: span,
        });
        self.fn_instances.insert(key, id);
        Some(FnRef(id))
    }

    fn needs_type(&mut self, index: u32, param: &str, span: Span) {
        let name = &self.names.fns[index as usize].decl.name;
        let message = format!("nothing says what `{param}` of `{name}` is here");
        self.error(codes::NEEDS_TYPE, span, message, "").help =
            Some("it follows from the arguments: give one whose type is known".into());
    }

    /// Says that a type does not do what the body of a generic function needs.
    pub(super) fn unfit_instance(&mut self, instance: usize, why: &flow_diagnostics::Diagnostic) {
        let (decl, at) = (
            self.instances_made[instance].decl,
            self.instances_made[instance].at,
        );
        let args = self.instances_made[instance].args.clone();
        let decl = self.names.fns[decl as usize].decl;
        let chosen: Vec<String> = decl
            .type_params
            .iter()
            .zip(args)
            .map(|(param, ty)| format!("`{param}` is {}", with_article(&self.show(ty))))
            .collect();
        let message = format!("`{}` does not work where {}", decl.name, chosen.join(" and "));
        let diagnostic = self.error(codes::MISMATCH, at, message, "");
        if let Some(place) = why.span() {
            diagnostic.labels.push(flow_diagnostics::Label {
                span: place,
                message: why.message.clone(),
                primary: false,
            });
        }
    }

    /// The signature with its type parameters open.
    fn open_sig(&mut self, index: u32) -> Rc<Sig> {
        self.so_far(index, &Holes::new())
    }

    /// The signature with what is known of its type parameters.
    fn so_far(&mut self, index: u32, holes: &Holes) -> Rc<Sig> {
        let decl = self.names.fns[index as usize].decl;
        let mut args = Vec::new();
        for param in &decl.type_params {
            let open = self.open_param(&param.name);
            args.push(holes.get(&open).copied().unwrap_or(open));
        }
        if let Some(known) = self.sigs_so_far.get(&(index, args.clone())) {
            return Rc::clone(known);
        }
        let sig = Rc::new(self.sig_with(index, &args));
        self.sigs_so_far.insert((index, args), Rc::clone(&sig));
        sig
    }

    /// What stands for a type parameter until a call has decided it. `?` keeps it apart from those of a body.
    fn open_param(&mut self, name: &str) -> Ty {
        self.param_ty(&format!("?{name}"))
    }

    fn is_open(&self, ty: Ty) -> bool {
        self.mentions(ty, DEPTH, &|name| name.starts_with('?'))
    }

    fn mentions_param(&self, ty: Ty, depth: u32) -> bool {
        self.mentions(ty, depth, &|_| true)
    }

    fn mentions(&self, ty: Ty, depth: u32, wanted: &dyn Fn(&str) -> bool) -> bool {
        let inside = |ty: Ty| depth > 0 && self.mentions(ty, depth - 1, wanted);
        match self.kind(ty) {
            TyKind::Param(name) => wanted(name),
            TyKind::List(inner) | TyKind::Map(inner) | TyKind::Nullable(inner) => inside(*inner),
            TyKind::Refined(refined) => inside(refined.base),
            TyKind::Record(record) => record.fields.iter().any(|field| inside(field.ty)),
            TyKind::Fn(params, result) => params.iter().any(|ty| inside(*ty)) || inside(*result),
            _ => false,
        }
    }

    /// Learns from the type that is wanted of the result what no argument has said.
    fn infer_open(&mut self, result: Ty, want: Ty, holes: &mut Holes) {
        let mut more = Holes::new();
        self.infer(result, want, &mut more, DEPTH);
        for (open, ty) in more {
            let vague = holes.get(&open).is_none_or(|known| self.is_vague(*known, DEPTH));
            if vague && !matches!(self.kind(ty), TyKind::Error | TyKind::Never) {
                holes.insert(open, ty);
            }
        }
    }

    /// Whether a type is that of something empty.
    fn is_vague(&self, ty: Ty, depth: u32) -> bool {
        match self.kind(ty) {
            TyKind::Never | TyKind::Null => true,
            TyKind::List(inner) | TyKind::Map(inner) | TyKind::Nullable(inner) => {
                depth > 0 && self.is_vague(*inner, depth - 1)
            }
            _ => false,
        }
    }

    /// Learns what type parameters stand for; `false` where the given type has another form.
    fn infer(&mut self, pattern: Ty, given: Ty, holes: &mut Holes, depth: u32) -> bool {
        if depth == 0 || given == self.prim.error {
            return true;
        }
        let deeper = depth - 1;
        match (self.kind(pattern).clone(), self.kind(given).clone()) {
            (TyKind::Param(name), kind) if name.starts_with('?') => {
                if matches!(kind, TyKind::Fn(..)) {
                    return false;
                }
                let ty = match holes.get(&pattern).copied() {
                    Some(known) => self.common(known, given),
                    None => Some(given),
                };
                if let Some(ty) = ty {
                    holes.insert(pattern, ty); // else the two do not go together, which is said where they meet
                }
                true
            }
            (TyKind::Nullable(_), TyKind::Null) | (_, TyKind::Never) => true,
            (TyKind::Nullable(pattern), TyKind::Nullable(given))
            | (TyKind::List(pattern), TyKind::List(given))
            | (TyKind::Map(pattern), TyKind::Map(given)) => self.infer(pattern, given, holes, deeper),
            (TyKind::Nullable(pattern), _) => self.infer(pattern, given, holes, deeper),
            (TyKind::Refined(pattern), _) => self.infer(pattern.base, given, holes, deeper),
            (_, TyKind::Refined(given)) => self.infer(pattern, given.base, holes, deeper),
            (TyKind::Record(pattern), TyKind::Record(given)) => {
                let pairs: Vec<(Ty, Ty)> = pattern
                    .fields
                    .iter()
                    .filter_map(|field| {
                        let found = given.fields.iter().find(|given| given.name == field.name)?;
                        Some((field.ty, found.ty))
                    })
                    .collect();
                pairs
                    .into_iter()
                    .fold(true, |fits, (a, b)| self.infer(a, b, holes, deeper) && fits)
            }
            (TyKind::Fn(_, pattern), TyKind::Fn(_, given)) => self.infer(pattern, given, holes, deeper),
            _ => !self.is_open(pattern),
        }
    }
}
