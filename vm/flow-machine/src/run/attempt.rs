//! Calls: what is sent, under which name and key, and what an outcome does.

use std::sync::Arc;

use flow_bytecode::{Call, ErrorClass, NodeKind, WorkerId};
use serde_json::{Map, Value as Json};

use super::activation::{ActId, Activation, Answer, CallFrame, Failure, Foreign, Phase, Role, Via};
use super::envelope::Reply;
use super::settle::Command;
use super::{Life, Run};
use crate::event::{Dispatch, Effect, EventKind};
use crate::input::{AttemptId, Outcome};
use crate::value::Value;
use crate::{Fault, border};

impl Run {
    /// Evaluates a call once, and sends its next attempt.
    pub(super) fn begin_call(&mut self, id: ActId, call: &Call) {
        if self.acts[&id].call.is_none() {
            match self.frame(id, call) {
                Ok(frame) => self.set_frame(id, frame),
                Err(fault) => return self.fail(id, &Failure::from(fault)),
            }
            match self.look_first(id, call) {
                Ok(true) => return,
                Ok(false) => {}
                Err(fault) => return self.fail(id, &Failure::from(fault)),
            }
        }
        self.dispatch(id);
    }

    pub(super) fn set_frame(&mut self, id: ActId, frame: CallFrame) {
        if let Some(act) = self.acts.get_mut(&id) {
            act.call = Some(Arc::new(frame));
        }
    }

    pub(super) fn frame(&mut self, id: ActId, call: &Call) -> Result<CallFrame, Fault> {
        let act = &self.acts[&id];
        let (step, sight, params) = (act.step, self.sight_of(act), act.params.clone());
        let args = self.value(call.args, &params, step, &sight)?;
        let key = self.call_key(&self.acts[&id]);
        let frame = self.frame_of(call, args, key, step)?;
        Ok(self.with_policy(id, call, frame))
    }

    /// The key of an activation's call; turns and tools of an agent add theirs.
    pub(super) fn call_key(&self, act: &Activation) -> String {
        let mut key = format!("{}/{}", self.calls_as, self.act_name(act));
        if act.remade > 0 {
            key.extend(["~", &act.remade.to_string()]);
        }
        key
    }

    /// A call as its node wants it made.
    pub(super) fn with_policy(&self, id: ActId, call: &Call, frame: CallFrame) -> CallFrame {
        let node = self.node(id.node);
        let worker = &self.program.image().workers[call.worker.index()];
        let of_node = match &node.kind {
            NodeKind::Agent(agent) => agent.turn_timeout,
            _ => node.timeout,
        };
        CallFrame {
            retry: node.retry.clone().or_else(|| worker.retry.clone()),
            timeout: of_node.or(worker.timeout),
            ..frame
        }
    }

    /// Gives the calls that are under way keys of their own: another branch may be making them, too.
    pub(super) fn rename_calls(&mut self) {
        let under_way: Vec<(ActId, String)> = self
            .acts
            .values()
            .filter(|act| act.call.is_some() && !matches!(act.phase, Phase::Settled(_)))
            .map(|act| (act.id, self.call_key(act)))
            .collect();
        for (id, key) in under_way {
            if let Some(call) = self.acts.get_mut(&id).and_then(|act| act.call.as_mut()) {
                Arc::make_mut(call).key = key;
            }
        }
    }

    /// A call with given arguments.
    pub(super) fn frame_of(
        &mut self,
        call: &Call,
        args: Value,
        key: String,
        step: u64,
    ) -> Result<CallFrame, Fault> {
        let program = self.program.clone();
        let worker = &program.image().workers[call.worker.index()];
        let given: Vec<Value> = super::eval::arrange(&program, &worker.params, Some(&args))?;
        let sight = self.sight_at(step, None);
        let options = self.value(worker.options, &given, step, &sight)?;
        Ok(CallFrame {
            worker: call.worker,
            reply: call.reply,
            args,
            options,
            key,
            retry: worker.retry.clone(),
            timeout: worker.timeout,
        })
    }

    /// Sends the next attempt of an activation.
    pub(super) fn dispatch(&mut self, id: ActId) {
        let Some(act) = self.acts.get_mut(&id) else { return };
        act.attempts += 1;
        act.tries += 1;
        let Some(frame) = act.call.clone() else { return };
        let deadline = frame.timeout.map(|timeout| self.now.saturating_add(timeout));
        let whole = act.talk.as_ref().and_then(|talk| talk.deadline);
        let deadline = [deadline, whole].into_iter().flatten().min();
        self.set_phase(
            id,
            Phase::Running {
                deadline,
                resent: false,
            },
        );
        let Some(dispatch) = self.dispatch_of(id) else {
            return;
        };
        self.attempts.insert(dispatch.attempt.clone(), id);
        let step = self.acts[&id].step;
        self.event(
            step,
            Some(id.node),
            EventKind::Dispatched {
                attempt: dispatch.attempt.clone(),
                key: dispatch.key.clone(),
                worker: self.worker_name(dispatch.worker),
                number: dispatch.number,
                args: Json::Object(dispatch.args.clone()),
            },
        );
        self.effect(Effect::Dispatch(dispatch));
    }

    /// What the host is told of a running attempt.
    pub(super) fn dispatch_of(&self, id: ActId) -> Option<Dispatch> {
        let act = self.acts.get(&id)?;
        let frame = act.call.as_ref()?;
        let Phase::Running { deadline, resent } = act.phase else {
            return None;
        };
        Some(Dispatch {
            attempt: self.attempt_id(act),
            key: match &act.talk {
                Some(talk) => format!("{}@{}", frame.key, talk.turn),
                None => frame.key.clone(),
            },
            node: format!("{}{}", self.place.names, self.node_name(id.node)),
            index: id.index,
            turn: act.turn() as u32,
            number: act.attempts,
            worker: frame.worker,
            args: object(border::to_json(&frame.args)),
            options: border::to_json(&frame.options),
            reply: frame.reply,
            conversation: self.conversation(act),
            deadline,
            resent,
        })
    }

    pub(super) fn attempt_id(&self, act: &Activation) -> AttemptId {
        let name = self.full_name(act);
        match &act.talk {
            Some(talk) => format!("{name}@{}/{}", talk.turn, act.attempts),
            None => format!("{name}/{}", act.attempts),
        }
    }

    /// The name of an activation within the root run.
    pub(super) fn full_name(&self, act: &Activation) -> String {
        format!("{}{}", self.place.acts, self.act_name(act))
    }

    /// The name of an activation: step, node, and what else is needed to tell it from others.
    pub(super) fn act_name(&self, act: &Activation) -> String {
        let id = act.id;
        if let Role::Tool {
            agent, turn, call, ..
        } = act.role
        {
            let agent = self.acts.get(&agent).map(|agent| self.act_name(agent));
            return format!("{}@{turn}.{}", agent.unwrap_or_default(), call + 1);
        }
        let mut name = format!("{}:{}", id.step, self.node_name(id.node));
        if self.graph.triggers(id.node) > 1 {
            match id.via {
                Via::Node(node) => name.extend(["<", &*self.node_name(node)]),
                Via::Join(join) => name.extend(["<join", &join.0.to_string()]),
                Via::Start | Via::Held | Via::Tool | Via::Ending => {}
            }
        }
        if id.index > 0 || act.group.is_some() {
            name.extend(["#", &id.index.to_string()]);
        }
        match act.role {
            Role::Normal | Role::Finally | Role::Tool { .. } => name,
            Role::Undo(number) => format!("{name}-undo{number}"),
        }
    }

    pub(super) fn worker_name(&self, worker: WorkerId) -> String {
        let image = self.program.image();
        image.str(image.workers[worker.index()].name).to_owned()
    }

    /// An attempt has ended.
    pub(super) fn outcome(&mut self, attempt: &str, outcome: &Outcome) {
        let Some(id) = self.attempts.remove(attempt) else {
            return;
        };
        if self.acts.get(&id).is_some_and(|act| act.left) {
            self.own_step(id);
            let answer = Answer::Outcome(attempt.into(), Box::new(outcome.clone()));
            return self.set_phase(id, Phase::Answered(answer));
        }
        self.take_outcome(id, attempt, outcome);
    }

    /// What an outcome does, once its step is known.
    pub(super) fn take_outcome(&mut self, id: ActId, attempt: &str, outcome: &Outcome) {
        match outcome {
            Outcome::Reply { value } => self.reply(id, attempt, value),
            Outcome::Failed {
                class,
                message,
                retry_after,
            } => {
                let failure = Failure {
                    retry_after: *retry_after,
                    ..Failure::new(*class, message.as_str())
                };
                self.attempt_failed(id, attempt, &failure);
            }
        }
    }

    fn reply(&mut self, id: ActId, attempt: &str, json: &Json) {
        let reply = match Reply::read(json) {
            Ok(reply) => reply,
            Err(message) => return self.attempt_failed(id, attempt, &invalid(message, json)),
        };
        self.tokens = self.tokens.saturating_add(reply.tokens);
        for (name, data) in &reply.events {
            let (step, name, data) = (self.acts[&id].step, name.clone(), data.clone());
            self.event(step, Some(id.node), EventKind::Emitted { name, data });
        }
        if let (Some(rest), Some(frame)) = (reply.rests, self.acts[&id].call.clone()) {
            self.resting.insert(frame.worker, self.now.saturating_add(rest));
        }
        if let Some(failure) = reply.error {
            return self.attempt_failed(
                id,
                attempt,
                &Failure {
                    reply: Some(Box::new(json.clone())),
                    ..failure
                },
            );
        }
        if let Some(blocked) = reply.blocked {
            if self.lead_role(id) == Role::Normal {
                return self.ask_to_unblock(id, attempt, blocked);
            }
            // Nobody is asked while a run ends.
            let failure = Failure::new(ErrorClass::Reported, format!("blocked: {}", blocked.summary));
            return self.attempt_failed(id, attempt, &failure);
        }
        match self.take_reply(id, attempt, &reply, json) {
            Ok(()) => {}
            Err(failure) => self.attempt_failed(
                id,
                attempt,
                &Failure {
                    reply: Some(Box::new(json.clone())),
                    ..failure
                },
            ),
        }
    }

    /// Takes a reply as a turn, has it proven, or lets the activation succeed with it.
    fn take_reply(&mut self, id: ActId, attempt: &str, reply: &Reply, json: &Json) -> Result<(), Failure> {
        if self.is_agent(id) && !self.turn_replied(id, attempt, reply)? {
            return Ok(());
        }
        if self.prove(id, attempt, reply, json)? {
            return Ok(());
        }
        let said = EventKind::Succeeded {
            attempt: attempt.into(),
        };
        self.accept(id, said, reply)?;
        self.keep_reply(id, reply, json);
        Ok(())
    }

    /// Checks a reply and lets the activation succeed with it. `said` is the event that says so.
    pub(super) fn accept(&mut self, id: ActId, said: EventKind, reply: &Reply) -> Result<(), Failure> {
        let Some(ty) = self
            .acts
            .get(&id)
            .and_then(|act| act.call.as_ref())
            .map(|frame| frame.reply)
        else {
            return Ok(());
        };
        let value = self.check(ty, &reply.output).map_err(|fault| Failure {
            class: ErrorClass::InvalidReply,
            code: "F2203",
            ..Failure::from(fault)
        })?;
        if let Role::Tool { .. } = self.acts[&id].role {
            let step = self.acts[&id].step;
            self.event(step, Some(id.node), said);
            self.tool_done(id, Ok(border::to_json(&value)));
            return Ok(());
        }
        if matches!(self.acts[&id].role, Role::Undo(_)) {
            self.event(id.step, Some(id.node), said);
            self.finish(id, crate::Settlement::Done, Vec::new(), super::Ways::None);
            return Ok(());
        }
        let command = Command {
            goto: reply
                .goto
                .as_ref()
                .map(|goto| self.checked_goto(id, goto))
                .transpose()?,
            updates: match &reply.updates {
                Some(updates) => self.checked_command(id, updates)?,
                None => Vec::<Foreign>::new(),
            },
        };
        let (seq, length) = (self.seq, self.out.events.len());
        let step = self.acts[&id].step;
        self.event(step, Some(id.node), said);
        self.try_succeed(id, Some(value), command).map_err(|fault| {
            // The attempt did not succeed after all.
            self.seq = seq;
            self.out.events.truncate(length);
            Failure::from(fault)
        })
    }

    /// Stops an attempt whose outcome is no longer wanted.
    pub(super) fn abort(&mut self, id: ActId) {
        let Some(act) = self.acts.get(&id) else { return };
        if matches!(act.phase, Phase::Running { .. }) {
            let attempt = self.attempt_id(act);
            self.attempts.remove(&attempt);
            self.effect(Effect::Abort(attempt));
        }
    }

    /// Whether an attempt is one that this run has sent at some time.
    pub(super) fn knew(&self, attempt: &str) -> bool {
        if let Some(child) = self.route(attempt) {
            return self.children[&child].knew(attempt);
        }
        let Some((name, number)) = attempt.rsplit_once('/') else {
            return false;
        };
        let name = name.strip_prefix(&*self.place.acts).unwrap_or(name);
        let Some((step, rest)) = name.split_once(':') else {
            return false;
        };
        let node = rest.split(['<', '#', '-', '/', '~', '@']).next().unwrap_or(rest);
        let step_known = step
            .parse::<u64>()
            .is_ok_and(|step| step >= 1 && step <= self.begun.max(self.committed));
        let node_known = self
            .flow()
            .nodes
            .iter()
            .any(|declared| self.program.image().str(declared.name) == node);
        number.parse::<u32>().is_ok_and(|number| number >= 1) && step_known && node_known
    }

    /// Whether a worker asked to be left alone.
    pub(super) fn worker_rests(&self, id: ActId) -> bool {
        let act = &self.acts[&id];
        let worker = match (&act.call, &self.node(id.node).kind) {
            (Some(frame), _) => frame.worker,
            (None, NodeKind::Task(call) | NodeKind::Agent(flow_bytecode::Agent { call, .. })) => call.worker,
            _ => return false,
        };
        self.resting.get(&worker).is_some_and(|until| *until > self.now)
    }

    /// Whether attempts that fail now are still made again.
    pub(super) fn may_retry(&self) -> bool {
        !matches!(self.life, Life::Finished(_))
    }
}

fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

fn invalid(message: String, json: &Json) -> Failure {
    Failure {
        reply: Some(Box::new(json.clone())),
        ..Failure::new(ErrorClass::InvalidReply, message)
    }
}
