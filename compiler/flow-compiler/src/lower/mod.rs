//! From syntax trees to the high-level representation: names are resolved, types are checked, sugar is
//! removed. One file per matter; what all of them share is here: the state of the work, and what a body
//! can see ([`Cx`]).
//!
//! - **Want**: the type that the surroundings expect. It decides bare enum variants, `[]`, `{}` and whether
//!   braces are a record or a map.
//! - **Convert**: makes a value of one type into one of another, where the language allows it by itself.
//! - **Fact**: a name that is known not to be null at this point.

mod args;
mod calls;
mod clauses;
mod consts;
mod convert;
mod cover;
mod edges;
mod eval;
mod eval_lists;
mod eval_methods;
mod eval_texts;
mod expects;
mod exprs;
mod facts;
mod flows;
mod fns;
mod function_values;
mod generics;
mod lints;
mod literals;
mod methods;
mod nodes;
mod operators;
mod options;
mod paths;
mod patterns;
mod signatures;
mod targets;
mod tests;
mod texts;
mod type_order;
mod types;
mod updates;
mod variants;
mod waits;
mod workers;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use flow_diagnostics::{Code, Diagnostic, Span};
use flow_grammar::ast;

use crate::hir::expr::{Expr, ExprKind, Local, LocalId};
use crate::hir::{self, ConstValue, Name, Program};
use crate::names::{Names, Space, Symbol};
use crate::project::{Loader, Project};
use crate::types::{Ty, TyKind};

/// Lowers a whole project.
pub(crate) fn lower(project: &Project, loader: &dyn Loader, out: &mut Vec<Diagnostic>) -> Program {
    let names = Names::collect(project, out);
    let mut program = Program::default();
    let prim = Prims::new(&mut program.types);
    let mut lower = Lower {
        project,
        loader,
        type_slots: vec![types::Slot::default(); names.types.len()],
        enum_tys: vec![None; names.enums.len()],
        const_slots: vec![consts::Slot::Waiting; names.consts.len()],
        fn_sigs: vec![None; names.fns.len()],
        fn_bodies: names.fns.iter().map(|_| fns::Body::Waiting).collect(),
        flow_sigs: Vec::new(),
        worker_sigs: vec![None; names.workers.len()],
        methods: signatures::table(),
        names,
        program,
        prim,
        out: Vec::new(),
        instances: BTreeMap::new(),
        fn_instances: BTreeMap::new(),
        instances_made: Vec::new(),
        sigs_so_far: BTreeMap::new(),
        recursive: false,
        templates: Vec::new(),
        depth: 0,
        too_deep: None,
    };
    lower.all();
    lower.names.unused(project, &mut lower.out);
    let Lower {
        program, out: found, ..
    } = lower;
    out.extend(found);
    program
}

/// The state of the work.
pub(crate) struct Lower<'a> {
    project: &'a Project,
    loader: &'a dyn Loader,
    names: Names<'a>,
    program: Program,
    prim: Prims,
    out: Vec<Diagnostic>,
    type_slots: Vec<types::Slot>,
    enum_tys: Vec<Option<Ty>>,
    const_slots: Vec<consts::Slot>,
    fn_sigs: Vec<Option<Rc<fns::Sig>>>,
    fn_bodies: Vec<fns::Body>,
    flow_sigs: Vec<Rc<flows::FlowEnv>>,
    worker_sigs: Vec<Option<Rc<workers::Sig>>>,
    methods: signatures::Table,
    /// Instances of generic types.
    instances: BTreeMap<(u32, Vec<Ty>), Ty>,
    /// Instances of generic functions, by their ids, which follow those of the declared functions.
    fn_instances: BTreeMap<(u32, Vec<Ty>), u32>,
    instances_made: Vec<generics::Instance>,
    /// Signatures of generic functions with what calls have found out.
    sigs_so_far: BTreeMap<(u32, Vec<Ty>), Rc<fns::Sig>>,
    /// Whether functions call each other in a circle.
    recursive: bool,
    /// The templates that are being filled in, outermost first.
    templates: Vec<String>,
    /// How many functions and constants deep the evaluation of a constant is.
    depth: u32,
    /// Where such an evaluation was given up: in a circle that is reported, or because there is too much of it.
    too_deep: Option<Span>,
}

/// The handles of the types that need no declaration.
#[derive(Clone, Copy)]
pub(crate) struct Prims {
    error: Ty,
    bool: Ty,
    int: Ty,
    float: Ty,
    string: Ty,
    duration: Ty,
    time: Ty,
    json: Ty,
    secret: Ty,
    null: Ty,
    never: Ty,
}

impl Prims {
    fn new(types: &mut crate::types::Types) -> Self {
        let mut add = |key: &str, kind| types.intern(key.to_string(), kind);
        Self {
            error: add("error", TyKind::Error),
            bool: add("bool", TyKind::Bool),
            int: add("int", TyKind::Int),
            float: add("float", TyKind::Float),
            string: add("string", TyKind::String),
            duration: add("duration", TyKind::Duration),
            time: add("time", TyKind::Time),
            json: add("json", TyKind::Json),
            secret: add("secret", TyKind::Secret),
            null: add("null", TyKind::Null),
            never: add("never", TyKind::Never),
        }
    }
}

/// What a body can see, and the names that it has bound so far.
#[derive(Clone, Default)]
pub(crate) struct Cx {
    pub module: usize,
    /// Innermost last.
    pub locals: Vec<Bound>,
    pub next: u32,
    /// Names that the node binds, in a clause that does not see them.
    pub hidden: Vec<String>,
    pub flow: Option<Rc<flows::FlowEnv>>,
    /// Names that are known not to be null.
    pub facts: Vec<facts::Place>,
    /// Whether `secret.NAME` may stand here.
    pub secrets: bool,
    /// Why `run` cannot stand here, where it cannot.
    pub no_run: bool,
    /// Type parameters of the declaration around.
    pub type_params: Rc<BTreeMap<String, Ty>>,
    /// In a condition of a test: what it sees of the run.
    pub seen: Option<Rc<expects::Seen>>,
    /// Functions that the body calls: to find recursion.
    pub calls: BTreeSet<u32>,
}

/// A bound name.
#[derive(Clone)]
pub(crate) struct Bound {
    pub local: Local,
    pub used: bool,
    /// Whether a lint says so when it is not used.
    pub lint: bool,
}

impl Cx {
    /// The surroundings of an item of a module: no flow, no names.
    pub(crate) fn new(module: usize) -> Self {
        Self {
            module,
            no_run: true,
            ..Self::default()
        }
    }

    /// A value that is there and that nothing here can name.
    fn unnamed(&mut self, param: &crate::hir::Param) -> Local {
        let id = LocalId(self.next);
        self.next += 1;
        Local {
            id,
            name: String::new(),
            ty: param.ty,
            span: param.name.span,
        }
    }

    /// Inside a flow.
    pub(crate) fn in_flow(module: usize, flow: &Rc<flows::FlowEnv>) -> Self {
        Self {
            module,
            flow: Some(Rc::clone(flow)),
            ..Self::default()
        }
    }

    /// A name of its own for something that the compiler makes.
    pub(crate) fn fresh(&mut self, ty: Ty, span: Span) -> Local {
        let id = LocalId(self.next);
        self.next += 1;
        Local {
            id,
            name: format!("${}", id.0),
            ty,
            span,
        }
    }

    /// How many names are bound: to come back to with [`Lower::close`].
    pub(crate) fn mark(&self) -> (usize, usize) {
        (self.locals.len(), self.facts.len())
    }
}

impl Lower<'_> {
    fn all(&mut self) {
        self.resolve_types();
        for index in 0..self.names.consts.len() as u32 {
            self.const_value(index);
        }
        for index in 0..self.names.fns.len() as u32 {
            self.fn_body(index);
        }
        self.find_recursion();
        self.report_depth();
        for index in 0..self.names.workers.len() as u32 {
            self.lower_worker(index);
        }
        self.lower_flows();
        self.lower_tests();
        self.finish_fns();
        self.naming();
        self.name_types();
    }

    /// What the entry file declares, for those who ask for a type by name.
    fn name_types(&mut self) {
        for (declared, slot) in self.names.types.iter().zip(&self.type_slots) {
            if let (0, types::Slot::Done(ty)) = (declared.module, slot) {
                self.program
                    .named_types
                    .push((declared.decl.name.name.clone(), *ty));
            }
        }
        for (declared, ty) in self.names.enums.iter().zip(&self.enum_tys) {
            if let (0, Some(ty)) = (declared.module, ty) {
                self.program
                    .named_types
                    .push((declared.decl.name.name.clone(), *ty));
            }
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.out.push(diagnostic);
    }

    /// A finding with one place; more is added by the caller with what it returns.
    fn error(&mut self, code: Code, span: Span, message: impl Into<String>, label: &str) -> &mut Diagnostic {
        let diagnostic = Diagnostic::new(code, message).primary(span, label);
        self.out.push(diagnostic);
        let last = self.out.len() - 1;
        &mut self.out[last]
    }

    /// Whether the parser has found something wrong in a place: then nothing is said about what is missing there.
    fn broken(&self, span: Span) -> bool {
        self.project
            .diagnostics
            .iter()
            .any(|found| found.span().is_some_and(|at| span.contains(at)))
    }

    /// The expression that stands for something wrong.
    fn wrong(&self, span: Span) -> Expr {
        Expr {
            kind: ExprKind::Error,
            ty: self.prim.error,
            span,
        }
    }

    /// Binds a name in a body. Says so when it hides another one.
    fn bind(&mut self, cx: &mut Cx, name: &ast::Ident, ty: Ty, lint: bool) -> Local {
        self.check_binding(cx, name);
        let local = Local {
            id: LocalId(cx.next),
            name: name.name.clone(),
            ty,
            span: name.span,
        };
        cx.next += 1;
        cx.locals.push(Bound {
            local: local.clone(),
            used: false,
            lint,
        });
        local
    }

    /// Forgets the names bound since `mark`; names that nothing used are reported.
    fn close(&mut self, cx: &mut Cx, mark: (usize, usize)) {
        for bound in cx.locals.split_off(mark.0) {
            self.unused_local(&bound);
        }
        cx.facts.truncate(mark.1);
    }

    fn find(&mut self, module: usize, space: Space, name: &str) -> Option<Symbol> {
        self.names.find(module, space, name)
    }

    /// Binds the parameters of a declaration.
    fn bind_params(&mut self, cx: &mut Cx, params: &[ast::Param], types: &[hir::Param]) -> Vec<Local> {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        let mut locals = Vec::new();
        for (param, typed) in params.iter().zip(types) {
            if let Some(first) = seen.insert(&param.name.name, param.name.span) {
                self.report(crate::names::defined_twice(&param.name, first));
            }
            self.check_binding(cx, &param.name);
            let local = Local {
                id: LocalId(cx.next),
                name: param.name.name.clone(),
                ty: typed.ty,
                span: param.name.span,
            };
            cx.next += 1;
            cx.locals.push(Bound {
                local: local.clone(),
                used: true,
                lint: false,
            });
            locals.push(local);
        }
        locals
    }

    /// Types and defaults of the parameters of a declaration.
    fn params(&mut self, cx: &Cx, params: &[ast::Param]) -> Vec<hir::Param> {
        let mut all = Vec::new();
        for param in params {
            let ty = self.ty(cx, &param.ty);
            // A wrong default is a default all the same: that the argument is missing is not said as well.
            let default = param
                .default
                .as_ref()
                .map(|value| self.constant(cx, value, ty).unwrap_or(ConstValue::Null));
            all.push(hir::Param {
                name: name(&param.name),
                ty,
                default,
                doc: doc(param.doc.as_ref()),
            });
        }
        all
    }

    /// Whether a parameter may be left out, and what it is then.
    fn left_out(&self, param: &hir::Param) -> Option<ConstValue> {
        match (&param.default, self.program.types.kind(param.ty)) {
            (Some(value), _) => Some(value.clone()),
            (None, TyKind::Nullable(_)) => Some(ConstValue::Null),
            _ => None,
        }
    }
}

/// A name as the representation keeps it.
pub(crate) fn name(ident: &ast::Ident) -> Name {
    Name {
        text: ident.name.clone(),
        span: ident.span,
    }
}

/// The text of a doc comment.
pub(crate) fn doc(doc: Option<&ast::Doc>) -> Option<String> {
    doc.map(|doc| doc.text.clone())
}
