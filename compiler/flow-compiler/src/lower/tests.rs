//! Tests of flows: what goes in, what workers reply, what happens from outside. What is expected at the end is
//! in `expects`.

use std::collections::BTreeMap;
use std::rc::Rc;

use flow_diagnostics::codes::{names as codes, types as type_codes};
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, Item, Replies, TestKind};

use super::args::Callee;
use super::flows::FlowEnv;
use super::workers::Sig;
use super::{Cx, Lower, name};
use crate::hir::expr::{Expr, ExprKind, Local};
use crate::hir::flow::{NodeKind, Update};
use crate::hir::test::{Action, Answer, AnswerReply, Case, Mock, MockKind, MockReply, Test, Timed};
use crate::hir::{FlowRef, Param, WorkerRef};
use crate::names::{Space, Symbol};
use crate::types::{Ty, TyKind};

/// Where a test stands, and the flow that it is for.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) module: usize,
    pub(super) flow: FlowRef,
    pub(super) env: Rc<FlowEnv>,
}

impl Scene {
    /// What values see: no flow, no run.
    fn outside(&self) -> Cx {
        Cx::new(self.module)
    }

    /// What names of nodes, fields and events are looked up in.
    pub(super) fn inside(&self) -> Cx {
        let mut cx = Cx::in_flow(self.module, &self.env);
        cx.no_run = true;
        cx
    }
}

impl Lower<'_> {
    pub(super) fn lower_tests(&mut self) {
        let project = self.project;
        for (module, parsed) in project.modules.iter().enumerate() {
            for item in &parsed.ast.items {
                let Item::Test(written) = item else { continue };
                if let Some(flow) = self.tested(module, &written.flow) {
                    let env = Rc::clone(&self.flow_sigs[flow.index()]);
                    let test = self.test(&Scene { module, flow, env }, written);
                    self.program.tests.push(test);
                }
            }
        }
    }

    fn tested(&mut self, module: usize, flow: &ast::Ident) -> Option<FlowRef> {
        match self.find(module, Space::Callables, &flow.name) {
            Some(Symbol::Flow(index)) => return Some(FlowRef(index)),
            Some(Symbol::Unknown) => {}
            Some(_) => {
                self.error(codes::WRONG_KIND, flow.span, format!("`{flow}` is no flow"), "");
            }
            None => self.unknown_callable(&Cx::new(module), flow, "flow"),
        }
        None
    }

    fn test(&mut self, scene: &Scene, written: &ast::TestDecl) -> Test {
        let observed = self.observed(scene, written.span);
        let mut test = Test {
            name: written.name.plain().unwrap_or_default().to_string(),
            flow: scene.flow,
            entry: scene.module == 0,
            input: self.wrong(written.flow.span),
            config: None,
            mocks: Vec::new(),
            timed: Vec::new(),
            answers: Vec::new(),
            observed,
            expects: Vec::new(),
            span: written.span,
        };
        let mut given = false;
        let mut known: BTreeMap<(&str, &str), Span> = BTreeMap::new();
        for entry in &written.entries {
            let span = entry.span;
            match &entry.kind {
                TestKind::Input(value) => {
                    given = true;
                    test.input = self.put_in(scene, &scene.env.params, value, "flow");
                }
                TestKind::Config(value) => {
                    let params = self.config_of(scene);
                    test.config = Some(self.put_in(scene, &params, value, "configuration of the flow"));
                }
                TestKind::Mock(mock) => {
                    self.said_twice(&mut known, ("mock", &mock.worker.name), &mock.worker);
                    test.mocks.extend(self.mock(scene, mock, span));
                }
                TestKind::At { time, action } => test.timed.extend(self.timed(scene, time, action, span)),
                TestKind::Answer(answer) => {
                    self.said_twice(&mut known, ("answer", &answer.node.name), &answer.node);
                    test.answers.extend(self.answered(scene, answer, span));
                }
                TestKind::Expect(expected) => {
                    let expect = self.expectation(scene, &test.observed, expected, span);
                    test.expects.push(expect);
                }
                TestKind::Error => given = true, // it may have been the input
            }
        }
        if !given {
            test.input = self.nothing_in(scene, written.flow.span);
        }
        test
    }

    /// Two `mock`s of a worker, or two `answer`s of an interrupt: the second would never be heard.
    fn said_twice<'t>(
        &mut self,
        known: &mut BTreeMap<(&'t str, &'t str), Span>,
        key: (&'t str, &'t str),
        at: &ast::Ident,
    ) {
        match known.get(&key) {
            Some(first) => {
                let message = format!("two `{}` entries for `{at}`", key.0);
                let diagnostic = Diagnostic::new(codes::DEFINED_TWICE, message)
                    .primary(at.span, "again here")
                    .label(*first, "first here")
                    .help(format!("say it in one: {} {at} {{ 1 -> …, _ -> … }}", key.0));
                self.report(diagnostic);
            }
            None => {
                known.insert(key, at.span);
            }
        }
    }

    fn config_of(&self, scene: &Scene) -> Vec<Param> {
        let flow = self.program.flows.get(scene.flow.index());
        flow.map_or(Vec::new(), |flow| flow.config.clone())
    }

    /// The input of a flow for which the test gives none.
    fn nothing_in(&mut self, scene: &Scene, span: Span) -> Expr {
        self.given(scene, &scene.env.params, &[], span, "flow")
    }

    /// `input { … }` or `config { … }` against what the flow declares.
    fn put_in(&mut self, scene: &Scene, params: &[Param], value: &ast::Expr, kind: &str) -> Expr {
        if let ast::ExprKind::Record(entries) = &value.unparen().kind {
            let args: Option<Vec<ast::Arg>> = entries.iter().map(named).collect();
            if let Some(args) = args {
                return self.given(scene, params, &args, value.span, kind);
            }
        }
        let fields = params
            .iter()
            .map(|param| (param.name.text.clone(), param.ty))
            .collect();
        let want = self.record_of(fields);
        self.check(&mut scene.outside(), value, want)
    }

    fn given(&mut self, scene: &Scene, params: &[Param], args: &[ast::Arg], span: Span, kind: &str) -> Expr {
        let callee = Callee {
            kind,
            name: &scene.env.name,
            declared: scene.env.span,
            span,
        };
        let fields = self.args(&mut scene.outside(), params, args, &callee);
        let types = fields.iter().map(|(name, value)| (name.clone(), value.ty));
        let ty = self.record_of(types.collect());
        Expr {
            kind: ExprKind::Record(fields),
            ty,
            span,
        }
    }

    /// The worker of this name, as the test's file or the flow's file knows it.
    pub(super) fn worker_of(&mut self, scene: &Scene, name: &ast::Ident) -> Option<WorkerRef> {
        let here = self.names.scopes[scene.module].callables.contains_key(&name.name);
        let there = self.names.flows[scene.flow.index()].module;
        let module = if here { scene.module } else { there };
        self.worker_named(&Cx::new(module), name)
    }

    fn mock(&mut self, scene: &Scene, written: &ast::Mock, span: Span) -> Option<Mock> {
        let worker = self.worker_of(scene, &written.worker);
        let mut cx = scene.outside();
        let sig = worker.map(|worker| self.worker_sig(worker.0));
        let params = self.mock_params(&mut cx, written, sig.as_deref());
        let replies = worker.map_or(vec![self.prim.error], |worker| self.replies_of(scene, worker));
        let cases = self.cases(scene, &written.replies, |lower, reply| {
            lower.mock_reply(&mut cx, reply, &replies)
        });
        self.close(&mut cx, (0, 0));
        Some(Mock {
            worker: worker?,
            params,
            cases,
            span,
        })
    }

    /// The arguments of a mocked call, all of them, in the worker's order. A mock names those that it uses.
    fn mock_params(&mut self, cx: &mut Cx, written: &ast::Mock, sig: Option<&Sig>) -> Vec<Local> {
        let declared: &[Param] = sig.map_or(&[], |sig| &sig.params);
        let mut named: Vec<Local> = Vec::new();
        for name in &written.params {
            let param = declared.iter().find(|param| param.name.text == name.name);
            if let (None, Some(_)) = (param, sig) {
                let callee = Callee {
                    kind: "worker",
                    name: &written.worker.name,
                    declared: None,
                    span: name.span,
                };
                self.unknown_argument(name, declared, &callee);
            }
            let open = |ty: &Ty| matches!(self.kind(*ty), TyKind::Param(_));
            let ty = param.map(|param| param.ty).filter(|ty| !open(ty));
            named.push(self.bind(cx, name, ty.unwrap_or(self.prim.error), true));
        }
        let mut of = |param: &Param| {
            let by_name = named.iter().find(|local| local.name == param.name.text);
            by_name.cloned().unwrap_or_else(|| cx.unnamed(param))
        };
        declared.iter().map(&mut of).collect()
    }

    /// What a reply of a worker may be: of a generic one, whatever the flows ask it for, the test's flow first.
    fn replies_of(&mut self, scene: &Scene, worker: WorkerRef) -> Vec<Ty> {
        let sig = self.worker_sig(worker.0);
        if sig.generic == 0 {
            return vec![sig.reply];
        }
        let mut found = Vec::new();
        let (before, from) = self.program.flows.split_at(scene.flow.index());
        for node in from.iter().chain(before).flat_map(|flow| &flow.nodes) {
            let call = match &node.kind {
                NodeKind::Task(call) => call,
                NodeKind::Agent(agent) => &agent.call,
                _ => continue,
            };
            if call.worker == worker && !found.contains(&call.reply) {
                found.push(call.reply);
            }
        }
        if found.is_empty() {
            found.push(self.prim.json);
        }
        found
    }

    fn cases<W, R>(
        &mut self,
        scene: &Scene,
        written: &Replies<W>,
        mut reply: impl FnMut(&mut Self, &W) -> R,
    ) -> Vec<Case<R>> {
        match written {
            Replies::Always(one) => vec![Case {
                numbers: None,
                reply: reply(self, one),
            }],
            Replies::ByNumber(all) => {
                let int = self.prim.int;
                let mut cases = Vec::new();
                for one in all {
                    let numbers = self.pattern(&mut scene.outside(), &one.number, int, false);
                    cases.push(Case {
                        numbers: Some(numbers),
                        reply: reply(self, &one.reply),
                    });
                }
                cases
            }
        }
    }

    fn mock_reply(&mut self, cx: &mut Cx, written: &ast::MockReply, replies: &[Ty]) -> MockReply {
        let after = written
            .after
            .as_ref()
            .map(|after| self.check(cx, after, self.prim.duration));
        let kind = match &written.kind {
            ast::MockKind::Never => MockKind::Never,
            ast::MockKind::Reply(value) => MockKind::Reply(self.reply_value(cx, value, replies)),
            ast::MockKind::Fails { class, then } => {
                let class = self.error_classes(std::slice::from_ref(class)).pop();
                let then = then.as_ref().and_then(|(times, then)| {
                    let then = self.mock_reply(cx, then, replies);
                    let times = self.known_count(cx, times)?;
                    Some((times as u64, Box::new(then)))
                });
                class.map_or(MockKind::Error, |class| MockKind::Fails { class, then })
            }
        };
        MockReply { after, kind }
    }

    /// A reply: of the first type that it can be. An envelope, and what is `json`, are checked when they come.
    fn reply_value(&mut self, cx: &mut Cx, written: &ast::Expr, replies: &[Ty]) -> Expr {
        if let ast::ExprKind::Record(entries) = &written.unparen().kind
            && entries.iter().any(is_envelope)
        {
            return self.check(cx, written, self.prim.json);
        }
        let said = self.out.len();
        let next = cx.next;
        for want in replies {
            cx.next = next;
            let value = self.expr(cx, written, Some(*want));
            let value = if value.ty == self.prim.json {
                value
            } else {
                self.fit(cx, value, *want)
            };
            if self.out.len() == said {
                return value;
            }
            self.out.truncate(said);
        }
        cx.next = next;
        let first = replies.first().copied().unwrap_or(self.prim.json);
        self.check(cx, written, first)
    }

    fn timed(&mut self, scene: &Scene, time: &ast::Expr, action: &ast::Action, span: Span) -> Option<Timed> {
        let at = self.check(&mut scene.outside(), time, self.prim.duration);
        let action = match action {
            ast::Action::Cancel => Action::Cancel,
            ast::Action::Event { name, value } => self.event_comes(scene, name, value.as_ref())?,
            ast::Action::Inject(value) => Action::Inject(self.injected(scene, value)),
        };
        Some(Timed { at, action, span })
    }

    fn event_comes(&mut self, scene: &Scene, name: &ast::Ident, value: Option<&ast::Expr>) -> Option<Action> {
        let mut cx = scene.outside();
        let Some((event, ty)) = self.event_named(&scene.inside(), name) else {
            if let Some(value) = value {
                self.expr(&mut cx, value, Some(self.prim.error));
            }
            return None;
        };
        let value = match (ty, value) {
            (Some(ty), Some(value)) => Some(self.check(&mut cx, value, ty)),
            (Some(ty), None) => {
                let shown = crate::types::with_article(&self.show(ty));
                let message = format!("the event `{name}` carries something");
                self.error(type_codes::ARGUMENTS, name.span, message, "nothing stands here")
                    .help = Some(format!("write it behind the name: {shown}"));
                None
            }
            (None, Some(value)) => {
                let message = format!("the event `{name}` carries nothing");
                self.error(type_codes::ARGUMENTS, value.span, message, "too much");
                None
            }
            (None, None) => None,
        };
        Some(Action::Event(event, value))
    }

    /// `inject { f: v }`: an update for each field, through its reducer.
    fn injected(&mut self, scene: &Scene, written: &ast::Expr) -> Vec<Update> {
        let args: Option<Vec<ast::Arg>> = match &written.unparen().kind {
            ast::ExprKind::Record(entries) => entries.iter().map(named).collect(),
            _ => None,
        };
        let Some(args) = args else {
            self.error(
                type_codes::MISMATCH,
                written.span,
                "`inject` takes fields and their values",
                "",
            )
            .help = Some("write `inject { field: value }`".into());
            return Vec::new();
        };
        let inside = scene.inside();
        let mut cx = scene.outside();
        let mut updates = Vec::new();
        for arg in &args {
            let Some(field) = &arg.name else { continue };
            let Some((found, ty)) = self.field_named(&inside, field) else {
                self.expr(&mut cx, &arg.value, Some(self.prim.error));
                continue;
            };
            let reducer = scene.env.reducers[found.index()];
            let (value, items) = self.sent(&mut cx, &arg.value, reducer, ty, field);
            updates.push(Update {
                field: found,
                field_span: field.span,
                overwrite: false,
                value,
                items,
                span: arg.span,
            });
        }
        updates
    }

    fn answered(&mut self, scene: &Scene, written: &ast::Answer, span: Span) -> Option<Answer> {
        let want = self.asked(scene, &written.node);
        let cases = self.cases(scene, &written.replies, |lower, reply| {
            let mut cx = scene.outside();
            let duration = lower.prim.duration;
            let after = reply.after.as_ref();
            let after = after.map(|after| lower.check(&mut cx, after, duration));
            let value = match want {
                Some(Wanted::Typed(want)) => lower.check(&mut cx, &reply.value, want),
                Some(Wanted::Anything) => lower.expr(&mut cx, &reply.value, None),
                None => lower.expr(&mut cx, &reply.value, Some(lower.prim.error)),
            };
            AnswerReply { after, value }
        });
        want?;
        Some(Answer {
            node: name(&written.node),
            cases,
            span,
        })
    }

    /// What the interrupt of a name wants to hear, in the flow or in one that it may run: none where there is no
    /// such interrupt, which is reported.
    fn asked(&mut self, scene: &Scene, node: &ast::Ident) -> Option<Wanted> {
        let (before, from) = self.program.flows.split_at(scene.flow.index());
        let mut other = None;
        for found in from.iter().chain(before).flat_map(|flow| &flow.nodes) {
            if found.name.text != node.name {
                continue;
            }
            match &found.kind {
                NodeKind::Interrupt { answer, .. } => {
                    return Some(answer.map_or(Wanted::Anything, Wanted::Typed));
                }
                NodeKind::Agent(_) | NodeKind::Error => return Some(Wanted::Anything),
                _ => other = Some(found.head),
            }
        }
        match other {
            None => {
                self.node_named(&scene.inside(), node)?;
            }
            Some(declared) => {
                let message = format!("`{node}` asks nothing, so it cannot be answered");
                let diagnostic = Diagnostic::new(codes::WRONG_KIND, message)
                    .primary(node.span, "no interrupt")
                    .label(declared, "declared here");
                self.report(diagnostic);
            }
        }
        None
    }
}

/// An entry of a record as an argument of that name.
fn named(entry: &ast::Entry) -> Option<ast::Arg> {
    let ast::Entry::Field {
        key: ast::Key::Name(name),
        value,
        span,
    } = entry
    else {
        return None;
    };
    let value = value.clone().unwrap_or_else(|| ast::Expr {
        kind: ast::ExprKind::Name(name.clone()),
        span: name.span,
    });
    Some(ast::Arg {
        name: Some(name.clone()),
        value,
        span: *span,
    })
}

fn is_envelope(entry: &ast::Entry) -> bool {
    matches!(entry, ast::Entry::Field { key: ast::Key::Name(name), .. } if name.name == "flow")
}

/// What an interrupt wants to hear.
#[derive(Clone, Copy)]
enum Wanted {
    /// A value of this type.
    Typed(Ty),
    /// Anything.
    Anything,
}
