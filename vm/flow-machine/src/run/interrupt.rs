//! Interrupts: opening, answers, and calls whose outcome only a person can tell.

use flow_bytecode::{ErrorClass, Interrupt, NodeId, NodeKind};
use serde_json::Value as Json;

use super::Run;
use super::activation::{About, ActId, Answer, Failure, Phase, Question, Role};
use super::child::ChildId;
use super::envelope::Blocked;
use crate::event::{EventKind, Settlement};
use crate::input::{Decision, Refusal};
use crate::value::Value;
use crate::{Fault, border};

impl Run {
    /// Opens an interrupt, or passes its gate. Whether it is open now.
    pub(super) fn begin_interrupt(&mut self, id: ActId, interrupt: &Interrupt) -> bool {
        match self.question(id, interrupt) {
            Ok(Some(question)) => {
                self.open(id, question);
                true
            }
            Ok(None) => {
                self.begun = self.begun.max(self.acts[&id].step);
                self.pass_by(id, Settlement::Done);
                true
            }
            Err(fault) => {
                self.fail(id, &Failure::from(fault));
                true
            }
        }
    }

    fn question(&mut self, id: ActId, interrupt: &Interrupt) -> Result<Option<Question>, Fault> {
        let act = &self.acts[&id];
        let (step, sight, params) = (act.step, self.sight_of(act), act.params.clone());
        if let Some(gate) = interrupt.gate
            && !self.test(gate, &params, step, &sight)?
        {
            return Ok(None);
        }
        let ask = border::text(&self.value(interrupt.ask, &params, step, &sight)?);
        let show = match interrupt.show {
            Some(show) => border::to_json(&self.value(show, &params, step, &sight)?),
            None => Json::Null,
        };
        let due = self
            .node(id.node)
            .timeout
            .map(|timeout| self.now.saturating_add(timeout));
        Ok(Some(Question {
            ordinal: self.next_ordinal(id),
            opened: 0,
            ask,
            show,
            answer: interrupt.answer,
            due,
            about: About::Node,
        }))
    }

    fn next_ordinal(&self, id: ActId) -> u32 {
        self.open_of(id.node)
            .next_back()
            .map_or(0, |(ordinal, _)| ordinal)
            + 1
    }

    /// The open questions of a node.
    fn open_of(&self, node: NodeId) -> impl DoubleEndedIterator<Item = (u32, ActId)> {
        let of_node = self.asked.range((node, 0)..=(node, u32::MAX));
        of_node.map(|((_, ordinal), id)| (*ordinal, *id))
    }

    fn open(&mut self, id: ActId, mut question: Question) {
        self.openings += 1;
        question.opened = self.openings;
        let step = self.acts[&id].step;
        let kind = EventKind::Interrupted {
            interrupt: self.asked_as(id, question.ordinal),
            ask: question.ask.clone(),
            show: question.show.clone(),
            due: question.due,
        };
        self.event(step, Some(id.node), kind);
        self.set_phase(id, Phase::Open(question));
        self.leave_step(id);
    }

    /// What an open interrupt is called in the root run.
    fn asked_as(&self, id: ActId, ordinal: u32) -> String {
        shown_name(
            &format!("{}{}", self.place.names, self.node_name(id.node)),
            ordinal,
        )
    }

    /// A call whose outcome is not known and that must not be made twice: somebody has to say what
    /// came of it.
    pub(super) fn ask_for_outcome(&mut self, id: ActId, attempt: &str, failure: &Failure) {
        let step = self.acts[&id].step;
        self.event(
            step,
            Some(id.node),
            EventKind::Failed {
                attempt: attempt.into(),
                class: failure.class,
                message: failure.message.clone(),
                retry_at: None,
            },
        );
        let ask = format!(
            "what came of the call of `{}`? Its outcome is not known, and it must not be made twice",
            self.node_name(id.node)
        );
        self.ask_about_call(id, ask, Json::String(attempt.into()), About::Outcome);
    }

    /// A worker says that it cannot go on as things are: somebody has to clear the way, or to say
    /// what the reply is.
    pub(super) fn ask_to_unblock(&mut self, id: ActId, attempt: &str, blocked: Blocked) {
        let step = self.acts[&id].step;
        self.event(
            step,
            Some(id.node),
            EventKind::Failed {
                attempt: attempt.into(),
                class: ErrorClass::Reported,
                message: format!("blocked: {}", blocked.summary),
                retry_at: None,
            },
        );
        let ask = format!(
            "`{}` is blocked: {}. Answer null to call it again, or with what it should have replied",
            self.node_name(id.node),
            blocked.summary
        );
        self.ask_about_call(id, ask, blocked.blockers, About::Blocked);
    }

    pub(super) fn ask_about_call(&mut self, id: ActId, ask: String, show: Json, about: About) {
        let question = Question {
            ordinal: self.next_ordinal(id),
            opened: 0,
            ask,
            show,
            answer: self.acts[&id]
                .call
                .as_ref()
                .filter(|_| about != About::Approval)
                .map(|frame| frame.reply),
            due: None,
            about,
        };
        self.open(id, question);
    }

    /// Takes an answer: checked first, refused if it does not fit.
    pub(super) fn answer(&mut self, interrupt: &str, json: &Json) -> Result<(ActId, Value), Refusal> {
        let id = self.find_open(interrupt)?;
        let Phase::Open(question) = self.acts[&id].phase.clone() else {
            unreachable!("it was found open")
        };
        let calls_again = matches!(question.about, About::Blocked | About::Unproven) && json.is_null();
        if question.about == About::Approval && !decides(json) {
            return Err(Refusal {
                code: "F2402",
                message: "the answer does not fit: expected true, false, or {\"approve\": …, \"reason\": …}"
                    .into(),
            });
        }
        let value = match question.answer.filter(|_| !calls_again) {
            Some(ty) => self.check(ty, json).map_err(|fault| Refusal {
                code: "F2402",
                message: format!("the answer does not fit: {fault}"),
            })?,
            None => border::plain_value(json).unwrap_or(Value::Null),
        };
        if question.about == About::Node {
            self.try_answer(id, &value)?;
        }
        Ok((id, value))
    }

    /// Runs the interrupt's own code once to see whether its `ensure`s hold.
    fn try_answer(&mut self, id: ActId, value: &Value) -> Result<(), Refusal> {
        let act = &self.acts[&id];
        let (mut sight, mut regs) = (self.sight_of(act), act.params.to_vec());
        let step = self.next_own_step();
        sight.now = self.now;
        sight.step = step;
        let NodeKind::Interrupt(_) = self.node(id.node).kind else {
            return Ok(());
        };
        let Some(chunk) = self.node(id.node).settle else {
            return Ok(());
        };
        regs.push(value.clone());
        match self.eval(chunk, &regs, step, &sight) {
            Ok(_) => Ok(()),
            Err(fault) => Err(Refusal {
                code: "F2403",
                message: format!("the answer is refused: {fault}"),
            }),
        }
    }

    /// The run of a subgraph that a question is open in: by its whole name, or by the last part of it if
    /// there is no other such.
    pub(super) fn child_asking(&self, interrupt: &str) -> Option<ChildId> {
        let open = self.interrupts();
        let full = if let Some(one) = open.iter().find(|one| one.name == interrupt) {
            &one.name
        } else {
            let mut fitting = open.iter().filter(|one| {
                let last = one.name.rsplit('/').next().unwrap_or_default();
                last == interrupt || last.split('#').next() == Some(interrupt)
            });
            let one = fitting.next()?;
            fitting.next().is_none().then_some(&one.name)?
        };
        let mut inner = self.children.iter();
        inner
            .find(|(_, child)| !child.is_finished() && full.starts_with(&child.place.names))
            .map(|(child, _)| *child)
    }

    /// Whether a decision about an attempt can be made.
    pub(super) fn decidable(&mut self, interrupt: &str, decision: &Decision) -> Result<ActId, Refusal> {
        let id = self.find_open(interrupt)?;
        let Phase::Open(question) = &self.acts[&id].phase else {
            unreachable!("it was found open")
        };
        let refuse = |message: String| Refusal {
            code: "F2414",
            message,
        };
        match (question.about, decision) {
            (About::Node | About::Approval, _) => Err(refuse(format!(
                "`{interrupt}` asks for an answer; only an attempt that needs input can be accepted, made again or given up"
            ))),
            (About::Outcome | About::Blocked, Decision::Accept { .. }) => Err(refuse(format!(
                "`{interrupt}` has no reply that could be accepted; answer with what it should have replied"
            ))),
            _ => Ok(id),
        }
    }

    /// Somebody has decided about an attempt that needs input.
    pub(super) fn decide_attempt(&mut self, id: ActId, decision: &Decision) {
        let (attempt, unproven) = (self.attempt_id(&self.acts[&id]), self.acts[&id].unproven.clone());
        let (what, reason) = match decision {
            Decision::Accept { reason } => ("accepted as it is", reason.as_str()),
            Decision::Again => ("to be made again", ""),
            Decision::GiveUp { reason } => ("given up", reason.as_str()),
        };
        let step = self.acts[&id].step;
        let what = if reason.is_empty() {
            format!("{attempt} is {what}")
        } else {
            format!("{attempt} is {what}: {reason}")
        };
        self.event(step, Some(id.node), EventKind::Decided { what });
        self.own_step(id);
        match (decision, unproven) {
            (Decision::Accept { .. }, Some(unproven)) => {
                self.take_up(id);
                self.count_reply(id, &unproven.attempt, &unproven.reply);
            }
            (Decision::GiveUp { .. }, _) => {
                let class = match &self.acts[&id].unproven {
                    Some(_) => ErrorClass::Verification,
                    None => ErrorClass::Reported,
                };
                let message = if reason.is_empty() {
                    "it was given up"
                } else {
                    reason
                };
                self.take_up(id);
                self.fail(id, &Failure::new(class, message));
            }
            _ => self.call_again(id),
        }
    }

    /// An open activation is settled now.
    fn take_up(&mut self, id: ActId) {
        self.set_phase(id, Phase::Answered(Answer::TimedOut));
        self.ready.remove(&id);
        self.begun = self.begun.max(self.acts[&id].step);
    }

    /// A call is made again that cost no attempt.
    fn call_again(&mut self, id: ActId) {
        if let Some(act) = self.acts.get_mut(&id) {
            act.tries = act.tries.saturating_sub(1);
            act.unproven = None;
        }
        self.set_phase(id, Phase::Queued);
    }

    fn find_open(&self, interrupt: &str) -> Result<ActId, Refusal> {
        let interrupt = interrupt.strip_prefix(&*self.place.names).unwrap_or(interrupt);
        let (name, ordinal) = match interrupt.rsplit_once('#') {
            Some((name, number)) => (name, number.parse::<u32>().ok()),
            None => (interrupt, None),
        };
        let node = (0..).map(NodeId).zip(&self.flow().nodes);
        let node = node
            .filter(|(_, node)| &**self.program.text(node.name) == name)
            .map(|(id, _)| id);
        let open: Vec<(u32, ActId)> = node.flat_map(|node| self.open_of(node)).collect();
        let found = match (ordinal, open.as_slice()) {
            (None, [(_, only)]) => Some(*only),
            (Some(ordinal), open) => open
                .iter()
                .find(|(number, _)| *number == ordinal)
                .map(|(_, id)| *id),
            _ => None,
        };
        found.ok_or_else(|| {
            let names: Vec<String> = self.interrupts().into_iter().map(|open| open.name).collect();
            let names = if names.is_empty() {
                "none is open".to_owned()
            } else {
                format!("open: {}", names.join(", "))
            };
            let what = if open.len() > 1 {
                "several are open; say which"
            } else {
                "is not open"
            };
            Refusal {
                code: "F2401",
                message: format!("`{interrupt}` {what} ({names})"),
            }
        })
    }

    /// An answer or time-out settles in a step of its own.
    pub(super) fn settle_open(&mut self, id: ActId, answer: Answer) {
        let about = match &self.acts[&id].phase {
            Phase::Open(question) => question.about,
            _ => About::Node,
        };
        if let (About::Approval, Answer::Value(value)) = (about, &answer) {
            return self.approve_tool(id, value);
        }
        let own = self.own_step(id);
        self.heard(id, own, &answer);
        if let (About::Blocked | About::Unproven, Answer::Value(Value::Null)) = (about, &answer) {
            return self.call_again(id);
        }
        if let (true, Answer::Value(value)) = (about != About::Node, &answer) {
            // It stands for the reply, which has been checked.
            let value = value.clone();
            self.take_up(id);
            if matches!(self.acts[&id].role, Role::Tool { .. }) {
                return self.tool_done(id, Ok(border::to_json(&value)));
            }
            return self.succeed(id, Some(value));
        }
        self.set_phase(id, Phase::Answered(answer));
    }

    /// An open activation belongs to no step until it settles.
    pub(super) fn leave_step(&mut self, id: ActId) {
        let step = self.acts[&id].step;
        if let Some(members) = self.steps.get_mut(&step) {
            members.remove(&id);
            if members.is_empty() {
                self.steps.remove(&step);
            }
        }
    }
}

/// Whether an answer says yes or no to the use of a tool.
fn decides(json: &Json) -> bool {
    json.is_boolean() || json.get("approve").is_some_and(Json::is_boolean)
}

impl From<About> for crate::machine::Question {
    fn from(about: About) -> Self {
        match about {
            About::Node => Self::Node,
            About::Outcome | About::Blocked | About::Unproven => Self::Attempt,
            About::Approval => Self::Approval,
        }
    }
}

/// What an open interrupt is called.
pub(super) fn shown_name(node: &str, ordinal: u32) -> String {
    if ordinal > 1 {
        format!("{node}#{ordinal}")
    } else {
        node.to_owned()
    }
}
