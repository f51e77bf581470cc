//! Functions: signatures, bodies, and that none calls itself. What calls make of generic ones is in `generics`.

use std::collections::BTreeSet;
use std::rc::Rc;

use flow_diagnostics::codes::names as codes;
use flow_diagnostics::{Diagnostic, Span};

use super::{Cx, Lower, name};
use crate::hir::expr::{Expr, ExprKind, Local};
use crate::hir::{Function, Param};
use crate::types::Ty;

/// What a call needs to know of a function.
pub(crate) struct Sig {
    pub params: Vec<Param>,
    pub result: Ty,
    /// The name where it was declared.
    pub span: Span,
}

/// How far the body of a function is.
#[derive(Clone)]
pub(crate) enum Body {
    Waiting,
    /// Being lowered: whoever needs it now needs itself.
    Open,
    Done(Rc<Lowered>),
}

/// A lowered body.
pub(crate) struct Lowered {
    pub params: Vec<Local>,
    pub value: Expr,
    /// The functions that it calls, by their declarations.
    pub calls: BTreeSet<u32>,
    /// Whether something in it has been reported.
    pub wrong: bool,
}

impl Lower<'_> {
    /// The signature of a function or of an instance; of a generic one with its type parameters as they are.
    pub(super) fn fn_sig(&mut self, id: u32) -> Rc<Sig> {
        if let Some(instance) = self.instance_at(id) {
            return Rc::clone(&self.instances_made[instance].sig);
        }
        if let Some(sig) = &self.fn_sigs[id as usize] {
            return Rc::clone(sig);
        }
        let args = self.own_type_args(id);
        let sig = Rc::new(self.spoken_sig(id, &args));
        self.fn_sigs[id as usize] = Some(Rc::clone(&sig));
        sig
    }

    /// The signature with types in place of its parameters. What is wrong in it is said at the declaration.
    pub(super) fn sig_with(&mut self, index: u32, args: &[Ty]) -> Sig {
        let said = self.out.len();
        let sig = self.spoken_sig(index, args);
        self.out.truncate(said);
        sig
    }

    fn spoken_sig(&mut self, index: u32, args: &[Ty]) -> Sig {
        let item = self.names.fns[index as usize];
        let cx = self.fn_cx(index, args);
        let params = self.params(&cx, &item.decl.params);
        let result = self.ty(&cx, &item.decl.result);
        Sig {
            params,
            result,
            span: item.decl.name.span,
        }
    }

    /// What the declaration of a function can see.
    fn fn_cx(&self, index: u32, args: &[Ty]) -> Cx {
        let item = self.names.fns[index as usize];
        let mut cx = Cx::new(item.module);
        let names = item.decl.type_params.iter().map(|param| param.name.clone());
        cx.type_params = Rc::new(names.zip(args.iter().copied()).collect());
        cx
    }

    fn own_type_args(&mut self, index: u32) -> Vec<Ty> {
        let decl = self.names.fns[index as usize].decl;
        decl.type_params
            .iter()
            .map(|param| self.param_ty(&param.name))
            .collect()
    }

    /// Which instance of a generic function an id means, if it means one.
    fn instance_at(&self, id: u32) -> Option<usize> {
        (id as usize).checked_sub(self.names.fns.len())
    }

    fn body_slot(&mut self, id: u32) -> &mut Body {
        match self.instance_at(id) {
            Some(instance) => &mut self.instances_made[instance].body,
            None => &mut self.fn_bodies[id as usize],
        }
    }

    /// Lowers the body of a function or of an instance when it is first needed.
    pub(super) fn fn_body(&mut self, id: u32) -> Option<Rc<Lowered>> {
        match self.body_slot(id) {
            Body::Done(body) => return Some(Rc::clone(body)),
            Body::Open => return None,
            Body::Waiting => {}
        }
        *self.body_slot(id) = Body::Open;
        let body = match self.instance_at(id) {
            None => {
                let args = self.own_type_args(id);
                self.lower_body(id, &args, id)
            }
            Some(instance) => {
                let (decl, args) = (
                    self.instances_made[instance].decl,
                    self.instances_made[instance].args.clone(),
                );
                self.fn_body(decl);
                let said = self.out.len();
                let body = self.lower_body(decl, &args, id);
                let wrong = self.out[said..].iter().find(|found| found.is_error()).cloned();
                self.out.truncate(said);
                let template_is_wrong =
                    matches!(&self.fn_bodies[decl as usize], Body::Done(body) if body.wrong);
                if let (Some(wrong), false) = (wrong, template_is_wrong) {
                    self.unfit_instance(instance, &wrong);
                }
                body
            }
        };
        let body = Rc::new(body);
        *self.body_slot(id) = Body::Done(Rc::clone(&body));
        Some(body)
    }

    fn lower_body(&mut self, index: u32, args: &[Ty], id: u32) -> Lowered {
        let said = self.out.len();
        let sig = self.fn_sig(id);
        let decl = self.names.fns[index as usize].decl;
        let mut cx = self.fn_cx(index, args);
        let params = self.bind_params(&mut cx, &decl.params, &sig.params);
        let mark = cx.mark();
        let mut lets = Vec::new();
        for written in &decl.lets {
            let value = self.let_value(&mut cx, written);
            let local = self.bind(&mut cx, &written.name, value.ty, true);
            lets.push((local, value));
        }
        let mut value = self.check(&mut cx, &decl.value, sig.result);
        self.close(&mut cx, mark);
        for (local, bound) in lets.into_iter().rev() {
            let (ty, span) = (value.ty, bound.span.to(value.span));
            value = Expr {
                kind: ExprKind::Let(local, Box::new(bound), Box::new(value)),
                ty,
                span,
            };
        }
        Lowered {
            params,
            value,
            calls: cx.calls,
            wrong: self.out[said..].iter().any(Diagnostic::is_error),
        }
    }

    /// The value of a `let`, of the type that is written where one is.
    pub(super) fn let_value(&mut self, cx: &mut Cx, written: &flow_grammar::ast::Let) -> Expr {
        match &written.ty {
            Some(ty) => {
                let ty = self.ty(cx, ty);
                self.check(cx, &written.value, ty)
            }
            None => self.expr(cx, &written.value, None),
        }
    }

    /// Reports every circle of functions once, at the call that the first of them makes.
    pub(super) fn find_recursion(&mut self) {
        let count = self.names.fns.len();
        let mut state = vec![0u8; count];
        for start in 0..count {
            let mut path: Vec<u32> = Vec::new();
            let mut stack: Vec<(u32, bool)> = vec![(start as u32, false)];
            while let Some((node, leaving)) = stack.pop() {
                if leaving {
                    state[node as usize] = 2;
                    path.pop();
                    continue;
                }
                match state[node as usize] {
                    1 => {
                        if let Some(from) = path.iter().position(|known| *known == node) {
                            self.recursion(&path[from..]);
                        }
                        continue;
                    }
                    2 => continue,
                    _ => {}
                }
                state[node as usize] = 1;
                path.push(node);
                stack.push((node, true));
                if let Body::Done(body) = &self.fn_bodies[node as usize] {
                    stack.extend(body.calls.iter().rev().map(|call| (*call, false)));
                }
            }
        }
    }

    fn recursion(&mut self, ring: &[u32]) {
        self.recursive = true;
        let decls: Vec<_> = ring
            .iter()
            .map(|index| &self.names.fns[*index as usize].decl.name)
            .collect();
        let first = decls[0];
        let message = if ring.len() == 1 {
            format!("`{first}` calls itself")
        } else {
            let mut names: Vec<String> = decls.iter().map(|name| format!("`{name}`")).collect();
            names.push(format!("`{first}`"));
            format!(
                "these functions call each other in a circle: {}",
                names.join(" → ")
            )
        };
        let mut diagnostic = Diagnostic::new(codes::RECURSIVE_FN, message)
            .primary(first.span, "would never be sure to end")
            .help("walk a list with `fold` or `map`, or put the loop into the graph");
        for other in &decls[1..] {
            diagnostic = diagnostic.label(other.span, "in the circle");
        }
        self.report(diagnostic);
    }

    /// Puts the functions and their instances where calls look for them. Instances can need others.
    pub(super) fn finish_fns(&mut self) {
        let declared = self.names.fns.len() as u32;
        for index in 0..declared {
            let function = self.finished_fn(index, index, "");
            self.program.fns.push(function);
        }
        let mut made = 0;
        while made < self.instances_made.len() {
            let instance = &self.instances_made[made];
            let decl = instance.decl;
            let args: Vec<String> = instance.args.iter().map(|ty| self.show(*ty)).collect();
            let function = self.finished_fn(declared + made as u32, decl, &format!("<{}>", args.join(", ")));
            self.program.fns.push(function);
            made += 1;
        }
    }

    fn finished_fn(&mut self, id: u32, index: u32, args: &str) -> Function {
        let sig = self.fn_sig(id);
        let decl = self.names.fns[index as usize].decl;
        let template = id == index && self.is_generic(index);
        let mut name = name(&decl.name);
        name.text += args;
        // Types that grow with every call of a circle would never come to an end.
        let body = if template || self.recursive && id != index {
            None
        } else {
            self.fn_body(id)
        };
        match body {
            Some(body) => Function {
                name,
                params: body.params.clone(),
                result: sig.result,
                body: body.value.clone(),
                template,
            },
            None => Function {
                name,
                params: Vec::new(),
                result: sig.result,
                body: self.wrong(decl.value.span),
                template,
            },
        }
    }
}
