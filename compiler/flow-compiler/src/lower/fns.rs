//! Functions: signatures, bodies, and that none calls itself.

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
    /// The functions that it calls.
    pub calls: BTreeSet<u32>,
}

impl Lower<'_> {
    pub(super) fn fn_sig(&mut self, index: u32) -> Rc<Sig> {
        if let Some(sig) = &self.fn_sigs[index as usize] {
            return Rc::clone(sig);
        }
        let item = self.names.fns[index as usize];
        let cx = Cx::new(item.module);
        let params = self.params(&cx, &item.decl.params);
        let result = self.ty(&cx, &item.decl.result);
        let sig = Rc::new(Sig {
            params,
            result,
            span: item.decl.name.span,
        });
        self.fn_sigs[index as usize] = Some(Rc::clone(&sig));
        sig
    }

    /// Lowers the body of a function when it is first needed.
    pub(super) fn fn_body(&mut self, index: u32) -> Option<Rc<Lowered>> {
        match &self.fn_bodies[index as usize] {
            Body::Done(body) => return Some(Rc::clone(body)),
            Body::Open => return None,
            Body::Waiting => {}
        }
        self.fn_bodies[index as usize] = Body::Open;
        let sig = self.fn_sig(index);
        let item = self.names.fns[index as usize];
        let mut cx = Cx::new(item.module);
        let params = self.bind_params(&mut cx, &item.decl.params, &sig.params);
        let mark = cx.mark();
        let mut lets = Vec::new();
        for written in &item.decl.lets {
            let value = self.let_value(&mut cx, written);
            let local = self.bind(&mut cx, &written.name, value.ty, true);
            lets.push((local, value));
        }
        let mut value = self.check(&mut cx, &item.decl.value, sig.result);
        self.close(&mut cx, mark);
        for (local, bound) in lets.into_iter().rev() {
            let (ty, span) = (value.ty, bound.span.to(value.span));
            value = Expr {
                kind: ExprKind::Let(local, Box::new(bound), Box::new(value)),
                ty,
                span,
            };
        }
        let body = Rc::new(Lowered {
            params,
            value,
            calls: cx.calls,
        });
        self.fn_bodies[index as usize] = Body::Done(Rc::clone(&body));
        Some(body)
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

    /// Puts the functions where calls look for them.
    pub(super) fn finish_fns(&mut self) {
        for index in 0..self.names.fns.len() as u32 {
            let sig = self.fn_sig(index);
            let decl = self.names.fns[index as usize].decl;
            let function = match self.fn_body(index) {
                Some(body) => Function {
                    name: name(&decl.name),
                    params: body.params.clone(),
                    result: sig.result,
                    body: body.value.clone(),
                },
                None => Function {
                    name: name(&decl.name),
                    params: Vec::new(),
                    result: sig.result,
                    body: self.wrong(decl.value.span),
                },
            };
            self.program.fns.push(function);
        }
    }
}
