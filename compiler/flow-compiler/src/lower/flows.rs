//! Flows: what can be seen in one ([`FlowEnv`]), its input, state, limits and result. Its nodes are in
//! `nodes`, its arrows in `edges`.

use std::collections::BTreeMap;
use std::rc::Rc;

use flow_diagnostics::codes::{names, secrets, state as codes};
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, FlowEntry};

use super::{Cx, Lower, doc, name};
use crate::hir::flow::{EventDecl, Field, Flow, Limit, Reducer};
use crate::hir::{FieldRef, NodeRef, Param};
use crate::names::{Space, Symbol, nearest};
use crate::types::{Ty, TyKind, with_article};

/// What `limit` can bound.
const LIMITS: [&str; 7] = ["steps", "time", "age", "parallel", "tokens", "state", "depth"];

/// What can be seen inside of a flow, and what a call needs to know of it.
#[derive(Default)]
pub(crate) struct FlowEnv {
    pub name: String,
    pub span: Option<Span>,
    pub params: Vec<Param>,
    pub result: Option<Ty>,
    pub fields: BTreeMap<String, (FieldRef, Ty)>,
    pub inputs: BTreeMap<String, (u32, Ty)>,
    pub config: BTreeMap<String, (u32, Ty)>,
    pub events: BTreeMap<String, (u32, Option<Ty>)>,
    pub nodes: BTreeMap<String, NodeRef>,
    pub node_sigs: Vec<NodeSig>,
    pub reducers: Vec<Reducer>,
    /// Where fields and parameters were declared.
    pub declared: BTreeMap<String, Span>,
}

/// What a target needs to know of a node.
pub(crate) struct NodeSig {
    pub params: Vec<Param>,
    pub span: Span,
}

/// The reducers that need no declaration.
const REDUCERS: &[(&str, Reducer)] = &[
    ("last_value", Reducer::LastValue),
    ("append", Reducer::Append),
    ("merge", Reducer::Merge),
    ("add", Reducer::Add),
    ("min", Reducer::Min),
    ("max", Reducer::Max),
    ("add_messages", Reducer::AddMessages),
];

impl<'a> Lower<'a> {
    /// Lowers all flows: first what each looks like from outside, then what is in them.
    pub(super) fn lower_flows(&mut self) {
        let mut flows = Vec::new();
        for index in 0..self.names.flows.len() {
            let item = self.names.flows[index];
            let (env, flow) = self.head(item.module, item.decl);
            self.flow_sigs.push(Rc::new(env));
            flows.push(flow);
        }
        for (index, mut flow) in flows.into_iter().enumerate() {
            let item = self.names.flows[index];
            let env = Rc::clone(&self.flow_sigs[index]);
            self.nodes(item.module, item.decl, &env, &mut flow);
            self.edges(item.module, item.decl, &env, &mut flow);
            self.program.flows.push(flow);
        }
        self.program.entry_flows = self.names.flows.iter().filter(|flow| flow.module == 0).count();
    }

    fn head(&mut self, module: usize, decl: &'a ast::FlowDecl) -> (FlowEnv, Flow) {
        let cx = Cx::new(module);
        let before = self.out.len();
        let mut env = FlowEnv {
            name: decl.name.name.clone(),
            span: Some(decl.name.span),
            ..FlowEnv::default()
        };
        let mut flow = Flow {
            name: name(&decl.name),
            doc: doc(decl.doc.as_ref()),
            span: decl.span,
            params: self.params(&cx, &decl.params),
            config: Vec::new(),
            fields: Vec::new(),
            nodes: Vec::new(),
            arrows: Vec::new(),
            joins: Vec::new(),
            limits: Vec::new(),
            on_error: None,
            events: Vec::new(),
            result: None,
        };
        for (index, (param, typed)) in decl.params.iter().zip(&flow.params).enumerate() {
            self.stored(typed.ty, param.ty.span, "the input of a flow");
            self.declare(&mut env, &param.name);
            env.inputs
                .insert(param.name.name.clone(), (index as u32, typed.ty));
        }
        env.params.clone_from(&flow.params);
        let mut limits = BTreeMap::new();
        for entry in &decl.entries {
            match entry {
                FlowEntry::State(block) => {
                    for field in &block.fields {
                        self.field_decl(&cx, field, &mut env, &mut flow);
                    }
                }
                FlowEntry::Config(block) => self.config(&cx, block, &mut env, &mut flow),
                FlowEntry::Events(block) => self.events(&cx, block, &mut env, &mut flow),
                FlowEntry::Limit(limit) => {
                    if let Some(first) = limits.insert(limit.name.name.as_str(), limit.name.span) {
                        let code = flow_diagnostics::codes::syntax::REPEATED_CLAUSE;
                        let message = format!("`limit {}` stands twice", limit.name);
                        let twice = Diagnostic::new(code, message);
                        self.report(
                            twice
                                .primary(limit.name.span, "the second time")
                                .label(first, "the first"),
                        );
                    }
                    if let Some(limit) = self.limit(&cx, limit) {
                        flow.limits.push(limit);
                    }
                }
                FlowEntry::Node(node) => self.node_sig(&cx, node, &mut env),
                _ => {}
            }
        }
        self.known_later(before, |name| env.declared.contains_key(name));
        let env = self.result(module, decl, env, &mut flow);
        (env, flow)
    }

    fn declare(&mut self, env: &mut FlowEnv, name: &ast::Ident) -> bool {
        if ["it", "run", "config", "state", "secret"].contains(&name.name.as_str()) {
            let message = format!("`{name}` always means the same and cannot be declared");
            self.error(
                flow_diagnostics::codes::names::RESERVED_NAME,
                name.span,
                message,
                "",
            )
            .help = Some("choose another name".into());
            return false;
        }
        if let Some(first) = env.declared.get(&name.name) {
            self.report(crate::names::defined_twice(name, *first));
            return false;
        }
        env.declared.insert(name.name.clone(), name.span);
        true
    }

    /// Says so when values of a type cannot be kept: secrets and functions.
    pub(super) fn stored(&mut self, ty: Ty, span: Span, what: &str) -> bool {
        if self.has_secret(ty) {
            self.error(
                secrets::SECRET_STORED,
                span,
                format!("{what} cannot have a secret in it"),
                "would be stored",
            )
            .help = Some("a secret is named where it is used: `secret.NAME` in the body of a worker".into());
            return false;
        }
        if !self.is_data(ty, 12) {
            let shown = self.show(ty);
            self.error(
                flow_diagnostics::codes::types::MISMATCH,
                span,
                format!("{what} cannot be {shown_is}", shown_is = with_article(&shown)),
                "has no JSON form",
            );
            return false;
        }
        true
    }

    fn field_decl(&mut self, cx: &Cx, written: &ast::StateField, env: &mut FlowEnv, flow: &mut Flow) {
        let ty = self.ty(cx, &written.ty);
        let ty = if self.stored(ty, written.ty.span, "a field of the state") {
            ty
        } else {
            self.prim.error
        };
        let before = self.out.len();
        let reducer = self.reducer(cx, written, ty);
        let unknown = self.out[before..]
            .iter()
            .any(|found| found.code == codes::UNKNOWN_REDUCER);
        let start = written
            .start
            .as_ref()
            .and_then(|start| self.constant(cx, start, ty));
        if !self.declare(env, &written.name) {
            return;
        }
        let identity = matches!(
            reducer,
            Reducer::Append | Reducer::Merge | Reducer::Add | Reducer::AddMessages
        );
        if let (Some(span), None, false, false) =
            (written.ephemeral, &written.start, identity, self.is_nullable(ty))
        {
            let shown = self.show(ty);
            self.error(
                codes::EPHEMERAL_START,
                span,
                "an ephemeral field needs a value for the steps in which nobody wrote it",
                "",
            )
            .help = Some(format!("make it `{shown}?`, or give it a start value with `=`"));
        }
        let ty = if unknown { self.prim.error } else { ty }; // what its updates are is not known either
        env.fields.insert(
            written.name.name.clone(),
            (FieldRef(flow.fields.len() as u32), ty),
        );
        env.reducers.push(reducer);
        flow.fields.push(Field {
            name: name(&written.name),
            doc: doc(written.doc.as_ref()),
            ty,
            reducer,
            reducer_span: written.reducer.as_ref().map(|reducer| reducer.span),
            start,
            ephemeral: written.ephemeral.is_some(),
            external: written.external.is_some(),
        });
    }

    fn reducer(&mut self, cx: &Cx, field: &ast::StateField, ty: Ty) -> Reducer {
        let Some(written) = &field.reducer else {
            return Reducer::LastValue;
        };
        if let Some((_, reducer)) = REDUCERS.iter().find(|(known, _)| *known == written.name) {
            self.reducer_fits(*reducer, written, field, ty);
            return *reducer;
        }
        match self.find(cx.module, Space::Callables, &written.name) {
            Some(Symbol::Fn(index)) => {
                let (function, sig) = self.function_for(index, &[ty, ty], ty, written.span);
                let ok =
                    sig.params.len() == 2 && self.fits(ty, sig.params[0].ty) && self.fits(sig.result, ty);
                if !ok && ty != self.prim.error {
                    let shown = self.show(ty);
                    let help =
                        format!("its signature has to be fn {written}(old: {shown}, update: …) -> {shown}");
                    let diagnostic = Diagnostic::new(
                        codes::REDUCER_TYPE,
                        format!(
                            "`{written}` does not reduce {shown_is}",
                            shown_is = with_article(&shown)
                        ),
                    )
                    .primary(written.span, "")
                    .label(
                        field.ty.span,
                        format!("the field is {shown_is}", shown_is = with_article(&shown)),
                    )
                    .label(sig.span, "declared here")
                    .help(help);
                    self.report(diagnostic);
                    return Reducer::LastValue;
                }
                Reducer::Custom(function)
            }
            Some(Symbol::Unknown) => Reducer::LastValue,
            _ => {
                let functions = self.names.scopes[cx.module].callables.keys().map(String::as_str);
                let near = nearest(
                    &written.name,
                    REDUCERS.iter().map(|(known, _)| *known).chain(functions),
                )
                .map(str::to_string);
                let mut diagnostic =
                    Diagnostic::new(codes::UNKNOWN_REDUCER, format!("there is no reducer `{written}`"))
                        .primary(written.span, "unknown");
                diagnostic = if let Some(near) = near {
                    diagnostic.help(format!("did you mean `{near}`?")).fix(
                        format!("write `{near}`"),
                        written.span,
                        near,
                    )
                } else {
                    let list: Vec<String> = REDUCERS.iter().map(|(known, _)| format!("`{known}`")).collect();
                    diagnostic.help(format!(
                        "there are {}, and any function (old, update) -> value",
                        list.join(", ")
                    ))
                };
                self.report(diagnostic);
                Reducer::LastValue
            }
        }
    }

    fn reducer_fits(&mut self, reducer: Reducer, written: &ast::Ident, field: &ast::StateField, ty: Ty) {
        let core = self.core(ty);
        let kind = self.kind(core);
        let (fits, wants) = match (reducer, kind) {
            (Reducer::LastValue | Reducer::Custom(_), _) | (_, TyKind::Error) => (true, ""),
            (Reducer::Append, kind) => (matches!(kind, TyKind::List(_)), "a list, `[T]`"),
            (Reducer::Merge, kind) => (
                matches!(kind, TyKind::Map(_) | TyKind::Record(_) | TyKind::Json),
                "a map or a record",
            ),
            (Reducer::Add, kind) => (
                matches!(kind, TyKind::Int | TyKind::Float | TyKind::Duration),
                "an `int`, a `float` or a `duration`",
            ),
            (Reducer::Min | Reducer::Max, _) => (
                self.is_ordered(core),
                "a number, a `duration`, a `time` or a `string`",
            ),
            (Reducer::AddMessages, TyKind::List(item)) => {
                let id = match self.kind(self.core(*item)) {
                    TyKind::Record(record) => record
                        .fields
                        .iter()
                        .any(|f| f.name == "id" && matches!(self.kind(self.core(f.ty)), TyKind::String)),
                    TyKind::Error => true,
                    _ => false,
                };
                (id, "a list of records with `id: string`")
            }
            (Reducer::AddMessages, _) => (false, "a list of records with `id: string`"),
        };
        if !fits {
            let shown = self.show(ty);
            self.report(
                Diagnostic::new(
                    codes::REDUCER_TYPE,
                    format!(
                        "`{written}` does not reduce {shown_is}",
                        shown_is = with_article(&shown)
                    ),
                )
                .primary(written.span, format!("needs {wants}"))
                .label(
                    field.ty.span,
                    format!("the field is {shown_is}", shown_is = with_article(&shown)),
                ),
            );
        }
    }

    fn config(&mut self, cx: &Cx, block: &ast::ConfigBlock, env: &mut FlowEnv, flow: &mut Flow) {
        let params = self.params(cx, &block.fields);
        for (written, param) in block.fields.iter().zip(params) {
            self.stored(param.ty, written.ty.span, "the configuration");
            if env.config.contains_key(&written.name.name) {
                let first = flow
                    .config
                    .iter()
                    .find(|known| known.name.text == written.name.name);
                let first = first.map_or(written.name.span, |known| known.name.span);
                self.report(crate::names::defined_twice(&written.name, first));
                continue;
            }
            env.config
                .insert(written.name.name.clone(), (flow.config.len() as u32, param.ty));
            flow.config.push(param);
        }
    }

    fn events(&mut self, cx: &Cx, block: &ast::EventsBlock, env: &mut FlowEnv, flow: &mut Flow) {
        for event in &block.events {
            let ty = event.ty.as_ref().map(|ty| self.ty(cx, ty));
            if let (Some(ty), Some(written)) = (ty, &event.ty) {
                self.stored(ty, written.span, "an event");
            }
            if let Some((first, _)) = env.events.get(&event.name.name) {
                let first = flow.events[*first as usize].name.span;
                self.report(crate::names::defined_twice(&event.name, first));
                continue;
            }
            env.events
                .insert(event.name.name.clone(), (flow.events.len() as u32, ty));
            flow.events.push(EventDecl {
                name: name(&event.name),
                ty,
            });
        }
    }

    fn limit(&mut self, cx: &Cx, written: &ast::Limit) -> Option<Limit> {
        let value = match written.name.name.as_str() {
            "time" | "age" => self.known_duration(cx, &written.value)?,
            known if LIMITS.contains(&known) => self.known_count(cx, &written.value)?,
            _ => {
                self.unknown_limit(&written.name);
                return None;
            }
        };
        Some(Limit {
            name: name(&written.name),
            value,
        })
    }

    fn unknown_limit(&mut self, name: &ast::Ident) {
        let mut diagnostic = Diagnostic::new(names::UNKNOWN_LIMIT, format!("there is no limit `{name}`"))
            .primary(name.span, "unknown");
        diagnostic = match nearest(&name.name, LIMITS.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("write `{near}`"),
                name.span,
                near,
            ),
            None => diagnostic.help(format!("a flow can limit its {}", LIMITS.join(", "))),
        };
        self.report(diagnostic);
    }

    fn node_sig(&mut self, cx: &Cx, node: &ast::NodeDecl, env: &mut FlowEnv) {
        let params = self.params(cx, &node.params);
        for (written, param) in node.params.iter().zip(&params) {
            self.stored(param.ty, written.ty.span, "a parameter of a node");
        }
        let reference = NodeRef(env.node_sigs.len() as u32);
        if let Some(first) = env.nodes.get(&node.name.name) {
            let first = env.node_sigs[first.index()].span;
            self.report(crate::names::defined_twice(&node.name, first));
        } else {
            env.nodes.insert(node.name.name.clone(), reference);
        }
        env.node_sigs.push(NodeSig {
            params,
            span: node.name.span,
        });
    }

    fn result(&mut self, module: usize, decl: &ast::FlowDecl, mut env: FlowEnv, flow: &mut Flow) -> FlowEnv {
        let declared = decl
            .result
            .as_ref()
            .map(|written| self.ty(&Cx::new(module), written));
        env.result = declared;
        let returns = decl.entries.iter().find_map(|entry| match entry {
            FlowEntry::Return(written) => Some(written),
            _ => None,
        });
        let Some(returns) = returns else {
            if let (Some(ty), Some(written)) = (declared, &decl.result) {
                let fields = flow
                    .fields
                    .iter()
                    .map(|field| (field.name.text.clone(), field.ty))
                    .collect();
                let whole = self.record_of(fields);
                let lost = decl
                    .entries
                    .iter()
                    .any(|entry| matches!(entry, FlowEntry::Error(_)));
                if !lost && !self.fits(whole, ty) {
                    let shown = self.show(ty);
                    self.error(
                        flow_diagnostics::codes::types::MISMATCH,
                        written.span,
                        format!("the flow promises `{shown}` and has no `return`"),
                        "without one it returns its whole state",
                    )
                    .help = Some("write `return …` at the end of the flow".into());
                }
            }
            return env;
        };
        let rc = Rc::new(env);
        let mut cx = Cx::in_flow(module, &rc);
        let value = match declared {
            Some(want) => self.check(&mut cx, &returns.value, want),
            None => self.expr(&mut cx, &returns.value, None),
        };
        self.stored(value.ty, returns.value.span, "a result");
        drop(cx);
        let result = Some(value.ty);
        flow.result = Some(value);
        let mut env = Rc::try_unwrap(rc).unwrap_or_default();
        env.result = result;
        env
    }

    /// The type of what a flow returns.
    pub(super) fn flow_result(&mut self, index: u32) -> Ty {
        let env = Rc::clone(&self.flow_sigs[index as usize]);
        if let Some(ty) = env.result {
            ty
        } else {
            let fields = env
                .fields
                .iter()
                .map(|(name, (field, ty))| (field.0, name.clone(), *ty));
            let mut fields: Vec<(u32, String, Ty)> = fields.collect();
            fields.sort_unstable();
            self.record_of(fields.into_iter().map(|(_, name, ty)| (name, ty)).collect())
        }
    }
}
