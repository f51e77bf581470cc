//! The high-level representation as text: what `--emit hir` shows and snapshots hold. Conversions that the
//! compiler made are visible (`float(…)`, `check(…)`); types stand where names are bound.

use std::fmt::Write;

use super::expr::{Expr, ExprKind, Pattern, PatternKind};
use super::flow::{
    ArmTest, Call, Decision, Flow, Node, NodeKind, Source, Stmt, Target, TargetKind, WaitFor, WaitKind,
};
use super::test::{Action, Expect, MockKind, MockReply, Test};
use super::{ConstValue, Param, Program};
use crate::types::show;

/// The whole program.
pub fn print(program: &Program) -> String {
    let mut out = String::new();
    for item in &program.consts {
        let value = item.value.as_ref().map_or("?".into(), constant);
        let _ = writeln!(
            out,
            "const {}: {} = {value}",
            item.name.text,
            show(&program.types, item.ty)
        );
    }
    for function in program.fns.iter().filter(|function| !function.template) {
        let params: Vec<String> = function
            .params
            .iter()
            .map(|p| format!("{}: {}", local(p.id, &p.name), show(&program.types, p.ty)))
            .collect();
        let result = show(&program.types, function.result);
        let printer = Printer { program, flow: None };
        let _ = writeln!(
            out,
            "fn {}({}) -> {result} = {}",
            function.name.text,
            params.join(", "),
            printer.expr(&function.body)
        );
    }
    for worker in &program.workers {
        let printer = Printer { program, flow: None };
        let reply = show(&program.types, worker.reply);
        let _ = writeln!(
            out,
            "worker {}({}) -> {reply} via {:?}",
            worker.name.text,
            printer.params(&worker.params),
            worker.protocol
        );
        for (name, value) in &worker.options {
            let _ = writeln!(out, "  {} {}", name.text, printer.expr(value));
        }
    }
    for flow in &program.flows {
        Printer {
            program,
            flow: Some(flow),
        }
        .flow(flow, &mut out);
    }
    for test in &program.tests {
        Printer {
            program,
            flow: program.flows.get(test.flow.index()),
        }
        .test(test, &mut out);
    }
    out
}

struct Printer<'p> {
    program: &'p Program,
    flow: Option<&'p Flow>,
}

impl Printer<'_> {
    fn test(&self, test: &Test, out: &mut String) {
        let flow = self.flow.map_or("?", |flow| &flow.name.text);
        let _ = writeln!(out, "test {:?} for {flow}", test.name);
        let _ = writeln!(out, "  input {}", self.expr(&test.input));
        if let Some(config) = &test.config {
            let _ = writeln!(out, "  config {}", self.expr(config));
        }
        for mock in &test.mocks {
            let name = &self.program.workers[mock.worker.index()].name.text;
            for case in &mock.cases {
                let numbers = case.numbers.as_ref().map_or(String::new(), pattern);
                let reply = self.mock(&case.reply);
                let _ = writeln!(out, "  mock {name} {numbers}{reply}");
            }
        }
        for timed in &test.timed {
            let action = match &timed.action {
                Action::Cancel => "cancel".to_string(),
                Action::Event(event, None) => format!("event {event}"),
                Action::Event(event, Some(value)) => format!("event {event} {}", self.expr(value)),
                Action::Inject(updates) => {
                    let values = updates.iter().map(|update| self.expr(&update.value));
                    format!("inject {}", values.collect::<Vec<_>>().join(", "))
                }
            };
            let _ = writeln!(out, "  at {} {action}", self.expr(&timed.at));
        }
        for answer in &test.answers {
            for case in &answer.cases {
                let numbers = case.numbers.as_ref().map_or(String::new(), pattern);
                let value = self.expr(&case.reply.value);
                let _ = writeln!(out, "  answer {} {numbers}-> {value}", answer.node.text);
            }
        }
        for expect in &test.expects {
            let text = match expect {
                Expect::Cond { cond, .. } => self.expr(cond),
                Expect::Fails { code, .. } => format!("fails {}", code.as_deref().unwrap_or("")),
            };
            let _ = writeln!(out, "  expect {text}");
        }
    }

    fn mock(&self, reply: &MockReply) -> String {
        let after = reply
            .after
            .as_ref()
            .map_or(String::new(), |after| format!("after {} ", self.expr(after)));
        let kind = match &reply.kind {
            MockKind::Error => "?".to_string(),
            MockKind::Never => "never".to_string(),
            MockKind::Reply(value) => format!("-> {}", self.expr(value)),
            MockKind::Fails { class, then: None } => format!("fails {class:?}"),
            MockKind::Fails {
                class,
                then: Some((times, then)),
            } => format!("fails {class:?} times {times} then {}", self.mock(then)),
        };
        format!("{after}{kind}")
    }

    fn flow(&self, flow: &Flow, out: &mut String) {
        let _ = writeln!(out, "flow {}({})", flow.name.text, self.params(&flow.params));
        for limit in &flow.limits {
            let _ = writeln!(out, "  limit {} {}", limit.name.text, limit.value);
        }
        for field in &flow.fields {
            let start = field
                .start
                .as_ref()
                .map_or(String::new(), |value| format!(" = {}", constant(value)));
            let ephemeral = if field.ephemeral { " ephemeral" } else { "" };
            let ty = show(&self.program.types, field.ty);
            let _ = writeln!(
                out,
                "  field {}: {ty} by {:?}{start}{ephemeral}",
                field.name.text, field.reducer
            );
        }
        for arrow in &flow.arrows {
            let from = arrow
                .from
                .map_or("start".into(), |node| flow.nodes[node.index()].name.text.clone());
            let _ = writeln!(out, "  {from} -> {}", self.target(&arrow.to));
        }
        for (index, join) in flow.joins.iter().enumerate() {
            let sources: Vec<String> = join
                .sources
                .iter()
                .map(|(source, _)| match source {
                    Source::Node(node) => flow.nodes[node.index()].name.text.clone(),
                    Source::Join(join) => format!("join {join}"),
                })
                .collect();
            let targets: Vec<String> = join.target.iter().map(|target| self.target(target)).collect();
            let otherwise = join
                .otherwise
                .as_ref()
                .map_or(String::new(), |t| format!(" else {}", self.target(t)));
            let _ = writeln!(
                out,
                "  join {index} {:?} {:?} [{}] -> [{}]{otherwise}",
                join.policy,
                join.rest,
                sources.join(", "),
                targets.join(", ")
            );
        }
        for node in &flow.nodes {
            self.node(node, out);
        }
        if let Some(result) = &flow.result {
            let _ = writeln!(out, "  return {}", self.expr(result));
        }
    }

    fn node(&self, node: &Node, out: &mut String) {
        let _ = writeln!(
            out,
            "  node {}({}) {:?}",
            node.name.text,
            self.params(&node.params),
            node.schedule
        );
        match &node.kind {
            NodeKind::Error => out.push_str("    ?\n"),
            NodeKind::Transform => out.push_str("    transform\n"),
            NodeKind::Task(call) => self.line(out, &format!("task {}", self.call(call))),
            NodeKind::Agent(agent) => self.line(out, &format!("agent {}", self.call(&agent.call))),
            NodeKind::Subgraph { flow, args, .. } => {
                let name = &self.program.flows[flow.index()].name.text;
                self.line(out, &format!("subgraph {name}({})", self.named(args)));
            }
            NodeKind::Route(decision) => self.decision("route", decision, out),
            NodeKind::Send(all) => {
                for each in all {
                    let list = self.expr(&each.list);
                    let target = self.node_name(each.node.index());
                    let item = local(each.item.id, &each.item.name);
                    self.line(
                        out,
                        &format!("each {item} in {list} -> {target}({})", self.named(&each.args)),
                    );
                }
            }
            NodeKind::Interrupt { gate, ask, .. } => {
                let gate = gate
                    .as_ref()
                    .map_or(String::new(), |gate| format!(" when {}", self.expr(gate)));
                let ask = ask
                    .as_ref()
                    .map_or(String::new(), |ask| format!(" ask {}", self.expr(ask)));
                self.line(out, &format!("interrupt{gate}{ask}"));
            }
            NodeKind::Wait(all) => all.iter().for_each(|one| self.wait(one, out)),
        }
        if let Some(reply) = &node.reply {
            self.line(
                out,
                &format!(
                    "as {}: {}",
                    local(reply.id, &reply.name),
                    show(&self.program.types, reply.ty)
                ),
            );
        }
        node.body.iter().for_each(|stmt| self.line(out, &self.stmt(stmt)));
        if let Some(goto) = &node.goto {
            self.decision("goto", goto, out);
        }
        if let Some(way) = &node.on_error {
            self.line(out, &format!("on error -> {}", self.target(&way.target)));
        }
        if let Some(way) = &node.on_timeout {
            self.line(out, &format!("timeout -> {}", self.target(&way.target)));
        }
    }

    #[expect(clippy::unused_self, reason = "a method like its neighbours")]
    fn line(&self, out: &mut String, text: &str) {
        let _ = writeln!(out, "    {text}");
    }

    fn node_name(&self, index: usize) -> &str {
        self.flow.map_or("?", |flow| &flow.nodes[index].name.text)
    }

    fn wait(&self, wait: &WaitFor, out: &mut String) {
        let what = match &wait.what {
            WaitKind::For(value) => format!("wait for {}", self.expr(value)),
            WaitKind::Until(value) => format!("wait until {}", self.expr(value)),
            WaitKind::Event { event, .. } => format!("wait for event {event}"),
        };
        let way = wait
            .way
            .as_ref()
            .map_or(String::new(), |way| format!(" -> {}", self.target(&way.target)));
        self.line(out, &format!("{what}{way}"));
    }

    fn decision(&self, kind: &str, decision: &Decision, out: &mut String) {
        let subject = decision
            .scrutinee
            .as_ref()
            .map_or(String::new(), |value| format!(" match {}", self.expr(value)));
        self.line(
            out,
            &format!("{kind}{subject}{}", if decision.every { " every" } else { "" }),
        );
        for arm in &decision.arms {
            let test = match &arm.test {
                ArmTest::When(cond) => format!("when {}", self.expr(cond)),
                ArmTest::Pattern(one) => pattern(one),
                ArmTest::Otherwise => "otherwise".into(),
            };
            self.line(out, &format!("  {test} -> {}", self.target(&arm.target)));
        }
    }

    fn stmt(&self, stmt: &Stmt) -> String {
        match stmt {
            Stmt::Let(name, value) => {
                format!(
                    "let {}: {} = {}",
                    local(name.id, &name.name),
                    show(&self.program.types, name.ty),
                    self.expr(value)
                )
            }
            Stmt::Ensure { cond, .. } => format!("ensure {}", self.expr(cond)),
            Stmt::Emit(name, value) => {
                format!(
                    "emit {} {}",
                    name.text,
                    value.as_ref().map_or(String::new(), |value| self.expr(value))
                )
            }
            Stmt::Update(update) => {
                let field = self
                    .flow
                    .map_or("?", |flow| &flow.fields[update.field.index()].name.text);
                let sign = match (update.overwrite, update.items) {
                    (true, _) => ":=",
                    (false, true) => "<- each of",
                    (false, false) => "<-",
                };
                format!("{field} {sign} {}", self.expr(&update.value))
            }
        }
    }

    fn target(&self, target: &Target) -> String {
        match &target.kind {
            TargetKind::Error => "?".into(),
            TargetKind::Node(node, args) if args.is_empty() => self.node_name(node.index()).into(),
            TargetKind::Node(node, args) => format!("{}({})", self.node_name(node.index()), self.named(args)),
            TargetKind::Many(all) => {
                let all: Vec<String> = all.iter().map(|one| self.target(one)).collect();
                format!("[{}]", all.join(", "))
            }
            TargetKind::End => "end".into(),
            TargetKind::Halt => "halt".into(),
            TargetKind::Skip => "skip".into(),
            TargetKind::Fail(why) => format!("fail {}", self.expr(why)),
            TargetKind::Cancel(why) => format!("cancel {}", self.expr(why)),
        }
    }

    fn call(&self, call: &Call) -> String {
        let worker = &self.program.workers[call.worker.index()].name.text;
        format!(
            "{worker}({}) -> {}",
            self.named(&call.args),
            show(&self.program.types, call.reply)
        )
    }

    fn params(&self, params: &[Param]) -> String {
        let params: Vec<String> = params
            .iter()
            .map(|param| format!("{}: {}", param.name.text, show(&self.program.types, param.ty)))
            .collect();
        params.join(", ")
    }

    fn named(&self, fields: &[(String, Expr)]) -> String {
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}: {}", self.expr(value)))
            .collect();
        fields.join(", ")
    }

    fn all(&self, values: &[Expr]) -> String {
        values
            .iter()
            .map(|value| self.expr(value))
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn expr(&self, expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Error => "?".into(),
            ExprKind::Const(value) => constant(value),
            ExprKind::Local(id) => format!("%{}", id.0),
            ExprKind::Field(field) => self.flow.map_or("?".into(), |flow| {
                format!("state.{}", flow.fields[field.index()].name.text)
            }),
            ExprKind::Input(index) => self.flow.map_or("?".into(), |flow| {
                format!("input.{}", flow.params[*index as usize].name.text)
            }),
            ExprKind::Config(index) => self.flow.map_or("?".into(), |flow| {
                format!("config.{}", flow.config[*index as usize].name.text)
            }),
            ExprKind::Run(field) => format!("run.{field:?}"),
            ExprKind::Secret(name) => format!("secret.{name}"),
            ExprKind::Record(fields) => format!("{{{}}}", self.named(fields)),
            ExprKind::With(base, fields) => format!("{{...{}, {}}}", self.expr(base), self.named(fields)),
            ExprKind::Map(pairs) => {
                let pairs: Vec<String> = pairs
                    .iter()
                    .map(|(key, value)| format!("[{}]: {}", self.expr(key), self.expr(value)))
                    .collect();
                format!("map {{{}}}", pairs.join(", "))
            }
            ExprKind::List(items) => format!("[{}]", self.all(items)),
            ExprKind::Variant(name, fields) => format!("{name}({})", self.named(fields)),
            ExprKind::Binary(op, a, b) => format!("({} {op:?} {})", self.expr(a), self.expr(b)),
            ExprKind::And(a, b) => format!("({} and {})", self.expr(a), self.expr(b)),
            ExprKind::Or(a, b) => format!("({} or {})", self.expr(a), self.expr(b)),
            ExprKind::Coalesce(a, b) => format!("({} ?? {})", self.expr(a), self.expr(b)),
            _ => self.other(expr),
        }
    }

    fn other(&self, expr: &Expr) -> String {
        let ty = || show(&self.program.types, expr.ty);
        match &expr.kind {
            ExprKind::Unary(op, a) => format!("{op:?}({})", self.expr(a)),
            ExprKind::Widen(a) => format!("float({})", self.expr(a)),
            ExprKind::Interpolate(parts) => format!("text({})", self.all(parts)),
            ExprKind::Access(base, name) => format!("{}.{name}", self.expr(base)),
            ExprKind::Index(base, index) => format!("{}[{}]", self.expr(base), self.expr(index)),
            ExprKind::Safe {
                receiver,
                local,
                rest,
            } => {
                format!(
                    "safe(%{} = {}; {})",
                    local.id.0,
                    self.expr(receiver),
                    self.expr(rest)
                )
            }
            ExprKind::Method(method, args) => format!("{}({})", method.name(), self.all(args)),
            ExprKind::Call(function, args) => {
                let name = self
                    .program
                    .fns
                    .get(function.index())
                    .map_or("?", |function| &function.name.text);
                format!("{name}({})", self.all(args))
            }
            ExprKind::CallLocal(id, args) => format!("%{}({})", id.0, self.all(args)),
            ExprKind::Lambda(params, body) => {
                let params: Vec<String> = params.iter().map(|param| format!("%{}", param.id.0)).collect();
                format!("({} => {})", params.join(", "), self.expr(body))
            }
            ExprKind::If(cond, a, b) => format!(
                "if {} then {} else {}",
                self.expr(cond),
                self.expr(a),
                self.expr(b)
            ),
            ExprKind::Match(subject, arms) => {
                let arms: Vec<String> = arms
                    .iter()
                    .map(|arm| format!("{} => {}", pattern(&arm.pattern), self.expr(&arm.body)))
                    .collect();
                format!("match {} {{{}}}", self.expr(subject), arms.join(", "))
            }
            ExprKind::Cast(a) => format!("({} as {})", self.expr(a), ty()),
            ExprKind::Refine(a) => format!("check({}: {})", self.expr(a), ty()),
            ExprKind::Let(name, value, body) => {
                format!("let %{} = {}; {}", name.id.0, self.expr(value), self.expr(body))
            }
            _ => "?".into(),
        }
    }
}

fn local(id: super::expr::LocalId, name: &str) -> String {
    format!("%{} {name}", id.0)
}

fn pattern(one: &Pattern) -> String {
    match &one.kind {
        PatternKind::Error => "?".into(),
        PatternKind::Any => "_".into(),
        PatternKind::Value(value) => constant(value),
        PatternKind::Range(from, to) => {
            let end = |end: &Option<ConstValue>| end.as_ref().map_or(String::new(), constant);
            format!("{}..{}", end(from), end(to))
        }
        PatternKind::Variant(name, binds) => {
            let binds: Vec<String> = binds
                .iter()
                .map(|(field, name)| format!("{field}: %{}", name.id.0))
                .collect();
            format!("{name}({})", binds.join(", "))
        }
        PatternKind::Or(all) => all.iter().map(pattern).collect::<Vec<_>>().join(" | "),
    }
}

fn constant(value: &ConstValue) -> String {
    let fields = |fields: &[(String, ConstValue)]| {
        fields
            .iter()
            .map(|(name, value)| format!("{name}: {}", constant(value)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match value {
        ConstValue::Null => "null".into(),
        ConstValue::Bool(b) => b.to_string(),
        ConstValue::Int(n) => n.to_string(),
        ConstValue::Float(x) => format!("{x:?}"),
        ConstValue::Str(text) => format!("{text:?}"),
        ConstValue::Duration(n) => format!("{n}ns"),
        ConstValue::Time(n) => format!("time {n}"),
        ConstValue::List(items) => format!("[{}]", items.iter().map(constant).collect::<Vec<_>>().join(", ")),
        ConstValue::Record(all) => format!("{{{}}}", fields(all)),
        ConstValue::Map(all) => format!("map {{{}}}", fields(all)),
        ConstValue::Case(name) => name.clone(),
        ConstValue::Variant(name, all) => format!("{name}({})", fields(all)),
    }
}
