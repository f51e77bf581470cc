//! Walking over what is inside expressions and nodes, in order of evaluation. What is done with
//! what is found lives where it is wanted: in `codegen::effects` and `passes`.

use super::expr::{Expr, ExprKind};
use super::flow::{
    Arm, ArmTest, Call, Decision, Each, Node, NodeKind, Stmt, Target, TargetKind, VerifyCheck, WaitFor,
};
use super::flow::{WaitKind, Way};

/// A visitor of expressions that stand for themselves.
pub type Visit<'v, 'p> = &'v mut dyn FnMut(&'p Expr);

impl Expr {
    /// Calls `visit` for this expression and everything in it, outermost first.
    pub fn walk<'p>(&'p self, visit: Visit<'_, 'p>) {
        visit(self);
        self.children(&mut |child| child.walk(visit));
    }

    /// Calls `visit` for the expressions directly in this one.
    pub fn children<'p>(&'p self, visit: Visit<'_, 'p>) {
        match &self.kind {
            ExprKind::Error
            | ExprKind::Const(_)
            | ExprKind::Local(_)
            | ExprKind::Field(_)
            | ExprKind::Input(_)
            | ExprKind::Config(_)
            | ExprKind::Run(_)
            | ExprKind::Secret(_)
            | ExprKind::FnValue(_) => {}
            ExprKind::Unary(_, a)
            | ExprKind::Widen(a)
            | ExprKind::Access(a, _)
            | ExprKind::Lambda(_, a)
            | ExprKind::Cast(a)
            | ExprKind::Refine(a) => visit(a),
            ExprKind::Binary(_, a, b)
            | ExprKind::And(a, b)
            | ExprKind::Or(a, b)
            | ExprKind::Coalesce(a, b)
            | ExprKind::Index(a, b)
            | ExprKind::Let(_, a, b) => {
                visit(a);
                visit(b);
            }
            ExprKind::Safe { receiver, rest, .. } => {
                visit(receiver);
                visit(rest);
            }
            ExprKind::If(a, b, c) => {
                visit(a);
                visit(b);
                visit(c);
            }
            ExprKind::List(items)
            | ExprKind::Interpolate(items)
            | ExprKind::Method(_, items)
            | ExprKind::Call(_, items)
            | ExprKind::CallLocal(_, items) => items.iter().for_each(visit),
            ExprKind::Record(fields) | ExprKind::Variant(_, fields) => arguments(fields, visit),
            ExprKind::With(base, fields) => {
                visit(base);
                arguments(fields, visit);
            }
            ExprKind::Map(pairs) => {
                for (key, value) in pairs {
                    visit(key);
                    visit(value);
                }
            }
            ExprKind::Match(scrutinee, arms) => {
                visit(scrutinee);
                for arm in arms {
                    visit(&arm.body);
                }
            }
        }
    }
}

impl Node {
    /// Calls `visit` for every expression that stands for itself in the node: arguments, conditions,
    /// updates, and the arguments of targets, of its error and time-out ways too.
    pub fn expressions<'p>(&'p self, visit: Visit<'_, 'p>) {
        self.kind.expressions(visit);
        statements(&self.body, visit);
        if let Some(goto) = &self.goto {
            decision(goto, visit);
        }
        self.may_goto.iter().for_each(|t| target(t, visit));
        if let Some(on_timeout) = &self.on_timeout {
            way(on_timeout, visit);
        }
        if let Some(on_error) = &self.on_error {
            target(&on_error.target, visit);
        }
        if let Some((_, Some(by))) = &self.cache {
            visit(by);
        }
        if let Some(undo) = &self.undo {
            call(undo, visit);
        }
        self.locks.iter().for_each(|(key, _)| visit(key));
        if let Some((checks, _)) = &self.verify {
            for check in checks {
                verify_check(check, visit);
            }
        }
    }
}

impl NodeKind {
    fn expressions<'p>(&'p self, visit: Visit<'_, 'p>) {
        match self {
            NodeKind::Error | NodeKind::Transform => {}
            NodeKind::Task(task) => call(task, visit),
            NodeKind::Agent(agent) => {
                call(&agent.call, visit);
                if let Some(next) = &agent.next {
                    arguments(next, visit);
                }
                agent.until.iter().for_each(visit);
            }
            NodeKind::Route(route) => decision(route, visit),
            NodeKind::Send(groups) => groups.iter().for_each(|each| each.expressions(visit)),
            NodeKind::Subgraph { args, .. } => arguments(args, visit),
            NodeKind::Interrupt { gate, ask, show, .. } => {
                [gate, ask, show].into_iter().flatten().for_each(visit);
            }
            NodeKind::Wait(choices) => choices.iter().for_each(|choice| choice.expressions(visit)),
        }
    }
}

impl Each {
    fn expressions<'p>(&'p self, visit: Visit<'_, 'p>) {
        visit(&self.list);
        self.filter.iter().for_each(&mut *visit);
        arguments(&self.args, visit);
        self.until.iter().for_each(visit);
    }
}

impl WaitFor {
    fn expressions<'p>(&'p self, visit: Visit<'_, 'p>) {
        match &self.what {
            WaitKind::For(e) | WaitKind::Until(e) => visit(e),
            WaitKind::Event { filter, .. } => filter.iter().for_each(&mut *visit),
        }
        if let Some(choice) = &self.way {
            way(choice, visit);
        }
    }
}

/// Calls `visit` for the expressions of statements.
pub fn statements<'p>(body: &'p [Stmt], visit: Visit<'_, 'p>) {
    for stmt in body {
        match stmt {
            Stmt::Let(_, e) => visit(e),
            Stmt::Ensure { cond, message, .. } => {
                visit(cond);
                message.iter().for_each(&mut *visit);
            }
            Stmt::Update(update) => visit(&update.value),
            Stmt::Emit(_, value) => value.iter().for_each(&mut *visit),
        }
    }
}

/// Calls `visit` for the arguments and texts of a target.
pub fn target<'p>(t: &'p Target, visit: Visit<'_, 'p>) {
    match &t.kind {
        TargetKind::Node(_, args) => arguments(args, visit),
        TargetKind::Many(all) => all.iter().for_each(|one| target(one, visit)),
        TargetKind::Fail(why) | TargetKind::Cancel(why) => visit(why),
        TargetKind::Error | TargetKind::End | TargetKind::Halt | TargetKind::Skip => {}
    }
}

/// Calls `visit` for what a decision matches, its conditions and its arguments.
pub fn decision<'p>(d: &'p Decision, visit: Visit<'_, 'p>) {
    d.scrutinee.iter().for_each(&mut *visit);
    for Arm { test, target: to, .. } in &d.arms {
        if let ArmTest::When(cond) = test {
            visit(cond);
        }
        target(to, visit);
    }
}

fn way<'p>(w: &'p Way, visit: Visit<'_, 'p>) {
    target(&w.target, visit);
    statements(&w.updates, visit);
}

fn call<'p>(c: &'p Call, visit: Visit<'_, 'p>) {
    arguments(&c.args, visit);
}

fn arguments<'p>(args: &'p [(String, Expr)], visit: Visit<'_, 'p>) {
    for (_, e) in args {
        visit(e);
    }
}

fn verify_check<'p>(check: &'p VerifyCheck, visit: Visit<'_, 'p>) {
    match check {
        VerifyCheck::Command(e) | VerifyCheck::File(e) | VerifyCheck::Url(e) => visit(e),
        VerifyCheck::Ensure { cond, message } => {
            visit(cond);
            message.iter().for_each(visit);
        }
        VerifyCheck::Receipt => {}
    }
}
