//! Conversations: turns of one worker, the tools that it asks for, and when it is done. Each turn and
//! each use of a tool is an attempt of its own; calls themselves are in `attempt`.

use std::sync::Arc;

use flow_bytecode::{Agent, Call, ErrorClass, NodeKind, WorkerId};
use serde_json::{Value as Json, json};

use super::Run;
use super::activation::{About, ActId, Activation, CallFrame, Failure, Phase, Role, Via};
use super::envelope::{Reply, ToolCall};
use crate::effect::{Conversation, Tool};
use crate::event::EventKind;
use crate::input::Time;
use crate::value::Value;
use crate::{Fault, border};

/// Turns of an agent that sets no limit.
const DEFAULT_TURNS: u64 = 1000;

/// Where a conversation stands.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    /// The turn that is under way or was the last, from 1.
    pub(super) turn: u64,
    /// What was said before, a record for each turn.
    history: Vec<Json>,
    /// Uses of tools in this turn that have no result yet.
    open: Vec<ActId>,
    /// What is known of the uses of tools in this turn.
    uses: Vec<Json>,
    /// When all of it has to be over.
    pub(super) deadline: Option<Time>,
}

impl Run {
    /// Begins the next turn.
    pub(super) fn begin_turn(&mut self, id: ActId, agent: &Agent) {
        if self.acts[&id].talk.is_none() {
            match self.frame(id, &agent.call) {
                Ok(frame) => self.set_frame(id, frame),
                Err(fault) => return self.fail(id, &Failure::from(fault)),
            }
            let timeout = self.node(id.node).timeout;
            let deadline = timeout.map(|timeout| self.now.saturating_add(timeout));
            if let Some(act) = self.acts.get_mut(&id) {
                act.talk = Some(Box::new(Talk {
                    turn: 1,
                    history: Vec::new(),
                    open: Vec::new(),
                    uses: Vec::new(),
                    deadline,
                }));
            }
            match self.look_first(id, &agent.call) {
                Ok(true) => return,
                Ok(false) => {}
                Err(fault) => return self.fail(id, &Failure::from(fault)),
            }
        }
        self.dispatch(id);
    }

    /// What a turn's call carries beside its arguments.
    pub(super) fn conversation(&self, act: &Activation) -> Option<Conversation> {
        let talk = act.talk.as_ref()?;
        let NodeKind::Agent(agent) = &self.node(act.id.node).kind else {
            return None;
        };
        let tool = |(worker, needs_approval): &(WorkerId, bool)| Tool {
            worker: *worker,
            needs_approval: *needs_approval,
        };
        Some(Conversation {
            tools: agent.tools.iter().map(tool).collect(),
            history: Json::Array(talk.history.clone()),
        })
    }

    /// Whether replies to an activation's call are turns.
    pub(super) fn is_agent(&self, id: ActId) -> bool {
        let talks = self.acts.get(&id).is_some_and(|act| act.talk.is_some());
        talks && matches!(self.acts[&id].role, Role::Normal | Role::Finally)
    }

    /// A turn was replied to: tools are used, or another turn comes. True: it is the last reply, and
    /// is to be taken like any.
    pub(super) fn turn_replied(&mut self, id: ActId, attempt: &str, reply: &Reply) -> Result<bool, Failure> {
        let program = self.program.clone();
        let NodeKind::Agent(agent) = &program.image().flows[self.flow_at].nodes[id.node.index()].kind else {
            return Ok(true);
        };
        if !reply.tool_calls.is_empty() {
            self.turned(id, attempt, &reply.tool_calls);
            self.use_tools(id, agent, reply);
            return Ok(false);
        }
        let frame = self.frame_now(id)?;
        let value = self.check(frame.reply, &reply.output).map_err(|fault| Failure {
            class: ErrorClass::InvalidReply,
            code: "F2203",
            ..Failure::from(fault)
        })?;
        let Some(until) = agent.until else { return Ok(true) };
        if self.said_now(id, until, &value)?.as_bool() == Some(true) {
            return Ok(true);
        }
        let args = match agent.next {
            Some(next) => self.said_now(id, next, &value)?,
            None => frame.args.clone(),
        };
        self.turned(id, attempt, &[]);
        let entry = json!({ "input": border::to_json(&frame.args), "output": reply.output });
        self.remember_turn(id, entry);
        self.next_turn(id, agent, args);
        Ok(false)
    }

    fn frame_now(&self, id: ActId) -> Result<Arc<CallFrame>, Failure> {
        let frame = self.acts.get(&id).and_then(|act| act.call.clone());
        frame.ok_or_else(|| Failure::new(ErrorClass::Fault, "a turn without a call"))
    }

    /// The log's line about a turn that was not the last.
    fn turned(&mut self, id: ActId, attempt: &str, calls: &[ToolCall]) {
        let act = &self.acts[&id];
        let (step, turn) = (act.step, act.talk.as_ref().map_or(1, |talk| talk.turn));
        let said = EventKind::Succeeded {
            attempt: attempt.into(),
        };
        self.event(step, Some(id.node), said);
        let said = EventKind::Turned {
            index: id.index,
            turn,
            tools: calls.iter().map(|call| call.name.clone()).collect(),
        };
        self.event(step, Some(id.node), said);
    }

    fn remember_turn(&mut self, id: ActId, mut entry: Json) {
        let Some(talk) = self.acts.get_mut(&id).and_then(|act| act.talk.as_mut()) else {
            return;
        };
        entry["turn"] = json!(talk.turn);
        talk.history.push(entry);
    }

    /// Evaluates what a conversation goes on by: over the state that the agent sees, with what came
    /// from outside since. That is applied later, and once.
    fn said_now(&mut self, id: ActId, chunk: flow_bytecode::ChunkId, reply: &Value) -> Result<Value, Fault> {
        let act = &self.acts[&id];
        let (step, sight, mut regs) = (act.step, self.sight_of(act), act.params.to_vec());
        regs.push(reply.clone());
        if self.injected.is_empty() {
            return self.value(chunk, &regs, step, &sight);
        }
        let slots = self.with_injected(step, id);
        self.value_over(&slots, chunk, &regs, &sight)
    }

    /// Runs the tools that a turn asks for, all at once.
    fn use_tools(&mut self, id: ActId, agent: &Agent, reply: &Reply) {
        let input = self.acts[&id]
            .call
            .as_ref()
            .map(|frame| border::to_json(&frame.args));
        let said = if reply.message.is_null() {
            &reply.output
        } else {
            &reply.message
        };
        self.remember_turn(id, json!({ "input": input, "message": said }));
        let uses = reply.tool_calls.iter();
        let uses = uses.map(|call| json!({ "id": call.id, "name": call.name, "args": call.args }));
        let uses: Vec<Json> = uses.collect();
        if let Some(talk) = self.acts.get_mut(&id).and_then(|act| act.talk.as_mut()) {
            talk.uses = uses;
            talk.open.clear();
        }
        let due = self.acts[&id].talk.as_ref().and_then(|talk| talk.deadline);
        self.set_phase(id, Phase::Acting { due });
        for (at, call) in reply.tool_calls.iter().enumerate() {
            match self.tool_frame(id, agent, call) {
                Ok((frame, approval)) => self.start_tool(id, at, frame, approval),
                Err(message) => self.note_use(
                    id,
                    at,
                    "error",
                    json!({ "class": "invalid_reply", "message": message }),
                ),
            }
        }
        self.go_on_when_used(id);
    }

    /// The call of a tool, checked as a worker's own word is.
    fn tool_frame(&mut self, id: ActId, agent: &Agent, call: &ToolCall) -> Result<(CallFrame, bool), String> {
        let program = self.program.clone();
        let image = program.image();
        let named =
            |(worker, _): &&(WorkerId, bool)| image.str(image.workers[worker.index()].name) == call.name;
        let Some((worker, approval)) = agent.tools.iter().find(named) else {
            return Err(format!("`{}` is not one of the tools", call.name));
        };
        let declared = &image.workers[worker.index()];
        let values = self
            .check_params(&declared.params, &call.args)
            .map_err(|failure| failure.message)?;
        let names = declared
            .params
            .iter()
            .map(|param| program.text(param.name).clone());
        let args = Value::record(names.zip(values).collect::<Vec<_>>());
        let step = self.acts[&id].step;
        let made = Call {
            worker: *worker,
            reply: declared.reply,
            ..agent.call.clone()
        };
        let frame = self.frame_of(&made, args, String::new(), step);
        Ok((frame.map_err(|fault| fault.to_string())?, *approval))
    }

    fn start_tool(&mut self, agent: ActId, at: usize, frame: CallFrame, approval: bool) {
        let act = &self.acts[&agent];
        let (step, turn) = (act.step, act.talk.as_ref().map_or(1, |talk| talk.turn));
        self.tools += 1;
        let id = ActId {
            step: agent.step,
            node: agent.node,
            via: Via::Tool,
            index: self.tools,
        };
        let role = Role::Tool {
            agent,
            turn,
            call: at as u32,
            approval,
        };
        let mut tool = Activation::new(id, role, self.acts[&agent].params.clone());
        tool.step = step;
        tool.remade = self.acts[&agent].remade;
        let key = self.call_key(&tool);
        tool.call = Some(Arc::new(CallFrame { key, ..frame }));
        if let Some(talk) = self.acts.get_mut(&agent).and_then(|act| act.talk.as_mut()) {
            talk.open.push(id);
        }
        self.insert(tool);
    }

    /// Begins the use of a tool: asks first where that is wanted.
    pub(super) fn begin_tool(&mut self, id: ActId) {
        let Role::Tool { approval, agent, .. } = self.acts[&id].role else {
            return self.dispatch(id);
        };
        if !approval || self.acts[&id].approved {
            return self.dispatch(id);
        }
        let Some(frame) = self.acts[&id].call.clone() else {
            return;
        };
        let ask = format!(
            "may `{}` call `{}`?",
            self.node_name(agent.node),
            self.worker_name(frame.worker)
        );
        let show = json!({
            "tool": self.worker_name(frame.worker),
            "args": border::to_json(&frame.args),
        });
        self.ask_about_call(id, ask, show, About::Approval);
    }

    /// A person has decided about the use of a tool.
    pub(super) fn approve_tool(&mut self, id: ActId, answer: &Value) {
        let approves = answer
            .as_bool()
            .or_else(|| answer.get("approve").and_then(Value::as_bool));
        if approves == Some(true) {
            if let Some(act) = self.acts.get_mut(&id) {
                act.approved = true;
            }
            return self.set_phase(id, Phase::Queued);
        }
        let reason = answer.get("reason").map(border::text).unwrap_or_default();
        let message = if reason.is_empty() {
            "a person refused it".to_owned()
        } else {
            format!("a person refused it: {reason}")
        };
        self.tool_done(id, Err(json!({ "class": "cancelled", "message": message })));
    }

    /// The use of a tool has come to its end.
    pub(super) fn tool_done(&mut self, id: ActId, result: Result<Json, Json>) {
        let Some(Role::Tool { agent, call, .. }) = self.acts.get(&id).map(|act| act.role) else {
            return;
        };
        self.set_phase(id, Phase::Settled(crate::Settlement::Done));
        self.acts.remove(&id);
        if let Some(talk) = self.acts.get_mut(&agent).and_then(|act| act.talk.as_mut()) {
            talk.open.retain(|open| *open != id);
        }
        match result {
            Ok(value) => self.note_use(agent, call as usize, "result", value),
            Err(error) => self.note_use(agent, call as usize, "error", error),
        }
        self.go_on_when_used(agent);
    }

    fn note_use(&mut self, agent: ActId, at: usize, what: &str, value: Json) {
        let talk = self.acts.get_mut(&agent).and_then(|act| act.talk.as_mut());
        if let Some(one) = talk.and_then(|talk| talk.uses.get_mut(at)) {
            one[what] = value;
        }
    }

    /// Tells the agent what came of its tools, once all are done.
    fn go_on_when_used(&mut self, id: ActId) {
        let program = self.program.clone();
        let NodeKind::Agent(agent) = &program.image().flows[self.flow_at].nodes[id.node.index()].kind else {
            return;
        };
        let Some(act) = self.acts.get_mut(&id) else { return };
        let Some(talk) = &mut act.talk else { return };
        if !talk.open.is_empty() || !matches!(act.phase, Phase::Acting { .. }) {
            return;
        }
        let uses = std::mem::take(&mut talk.uses);
        if let Some(entry) = talk.history.last_mut() {
            entry["tool_calls"] = Json::Array(uses);
        }
        let Some(args) = act.call.as_ref().map(|frame| frame.args.clone()) else {
            return;
        };
        self.next_turn(id, agent, args);
    }

    fn next_turn(&mut self, id: ActId, agent: &Agent, args: Value) {
        let most = agent.turns.unwrap_or(DEFAULT_TURNS);
        let turn = self.acts[&id].talk.as_ref().map_or(1, |talk| talk.turn);
        if turn >= most {
            let message = format!("`{}` came to no end within {most} turns", self.node_name(id.node));
            return self.fail(id, &Failure::new(ErrorClass::Limit, message));
        }
        let (step, key) = (self.acts[&id].step, self.call_key(&self.acts[&id]));
        let frame = match self.frame_of(&agent.call, args, key, step) {
            Ok(frame) => self.with_policy(id, &agent.call, frame),
            Err(fault) => return self.fail(id, &Failure::from(fault)),
        };
        let Some(act) = self.acts.get_mut(&id) else { return };
        (act.attempts, act.tries) = (0, 0);
        if let Some(talk) = &mut act.talk {
            talk.turn = turn + 1;
        }
        act.call = Some(Arc::new(frame));
        self.set_phase(id, Phase::Queued);
        if self.acts[&id].leftover {
            self.leave_running(id);
        }
    }

    /// An agent that settles or fails uses no tools any more.
    pub(super) fn drop_tools(&mut self, id: ActId) {
        let talk = self.acts.get_mut(&id).and_then(|act| act.talk.as_mut());
        let open = talk
            .map(|talk| std::mem::take(&mut talk.open))
            .unwrap_or_default();
        for tool in open {
            self.abort(tool);
            self.set_phase(tool, Phase::Settled(crate::Settlement::Cancelled));
            self.acts.remove(&tool);
        }
    }

    /// Whether the whole conversation has taken its time.
    pub(super) fn talked_too_long(&self, id: ActId) -> bool {
        let talk = self.acts.get(&id).and_then(|act| act.talk.as_ref());
        talk.and_then(|talk| talk.deadline)
            .is_some_and(|deadline| deadline <= self.now)
    }
}
