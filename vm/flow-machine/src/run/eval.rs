//! Running the program's chunks: what an activation sees, parameters in and out. The interpreter
//! itself is in `crate::interp`.

use std::sync::Arc;

use flow_bytecode::{ChunkId, Decision, NodeId, Param, Target, Type, TypeId};
use serde_json::{Map, Value as Json};

use super::Run;
use super::activation::{Activation, Aim, Failure, Stop};
use super::state::Slots;
use crate::input::Time;
use crate::interp::{Env, Evaluated, Fuel};
use crate::program::Program;
use crate::value::Value;
use crate::{Fault, FaultKind, border};

/// From where an expression looks: what it sees as `run` that is not the same for the whole run.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub(super) step: u64,
    node: Option<NodeId>,
    attempt: u32,
    turn: u64,
    pub(super) now: Time,
    arrived: Vec<Arc<str>>,
}

impl Run {
    /// Runs a chunk over the state that step `step` sees.
    pub(super) fn eval(
        &mut self,
        chunk: ChunkId,
        args: &[Value],
        step: u64,
        sight: &Sight,
    ) -> Result<Evaluated, Fault> {
        if self.early {
            self.make_view(step);
        }
        self.see(sight);
        let fields = self.views.get(&step).map_or(&self.slots, |view| &view.slots);
        let env = Env {
            program: &self.program,
            fields,
            input: &self.input,
            config: &self.config,
            run: &self.seen,
        };
        self.interp.call(&env, chunk, args, &mut Fuel::default())
    }

    /// Runs a chunk of which only the value matters, over a state that is given.
    pub(super) fn value_over(
        &mut self,
        fields: &Slots,
        chunk: ChunkId,
        args: &[Value],
        sight: &Sight,
    ) -> Result<Value, Fault> {
        self.see(sight);
        let env = Env {
            program: &self.program,
            fields,
            input: &self.input,
            config: &self.config,
            run: &self.seen,
        };
        let evaluated = self.interp.call(&env, chunk, args, &mut Fuel::default())?;
        Ok(evaluated.value)
    }

    /// Runs a chunk that returns a bool, over a state that is given.
    pub(super) fn test_over(
        &mut self,
        fields: &Slots,
        chunk: ChunkId,
        args: &[Value],
        sight: &Sight,
    ) -> Result<bool, Fault> {
        let value = self.value_over(fields, chunk, args, sight)?;
        as_condition(&value)
    }

    /// Runs a chunk of which only the value matters.
    pub(super) fn value(
        &mut self,
        chunk: ChunkId,
        args: &[Value],
        step: u64,
        sight: &Sight,
    ) -> Result<Value, Fault> {
        self.eval(chunk, args, step, sight)
            .map(|evaluated| evaluated.value)
    }

    /// Runs a chunk that returns a bool.
    pub(super) fn test(
        &mut self,
        chunk: ChunkId,
        args: &[Value],
        step: u64,
        sight: &Sight,
    ) -> Result<bool, Fault> {
        let value = self.value(chunk, args, step, sight)?;
        as_condition(&value)
    }

    /// The state that a step sees, as far as it is known.
    pub(super) fn slots_at(&mut self, step: u64) -> Slots {
        if self.early {
            self.make_view(step);
        }
        self.views
            .get(&step)
            .map_or(&self.slots, |view| &view.slots)
            .clone()
    }

    /// Checks JSON from outside against a type.
    pub(super) fn check(&mut self, ty: TypeId, json: &Json) -> Result<Value, Fault> {
        border::check_json(&self.program, ty, json, &mut self.interp, &mut Fuel::default())
    }

    /// From where the expressions of an activation look.
    pub(super) fn sight_of(&self, act: &Activation) -> Sight {
        Sight {
            attempt: act.attempts.max(1),
            turn: act.turn(),
            now: act.began.unwrap_or(self.now),
            arrived: act.arrived.clone(),
            ..self.sight_at(act.step, Some(act.id.node))
        }
    }

    /// From where expressions look that belong to a step.
    pub(super) fn sight_at(&self, step: u64, node: Option<NodeId>) -> Sight {
        Sight {
            step,
            node,
            attempt: 1,
            turn: 1,
            now: self.now,
            arrived: Vec::new(),
        }
    }

    /// Makes `seen` what expressions see as `run` from somewhere. Most of it is as it was the last time.
    pub(super) fn see(&mut self, sight: &Sight) {
        let limit = self.limits.steps.unwrap_or(u64::MAX);
        let remaining = limit.saturating_sub(sight.step.saturating_add(self.inner.steps));
        let outcome = self.ending_outcome();
        let node = sight.node.map(|node| self.node(node).name);
        let seen = &mut self.seen;
        keep(&mut seen.id, &self.id);
        match node {
            Some(name) => keep(&mut seen.node, self.program.text(name)),
            None => seen.node = Arc::default(),
        }
        seen.step = sight.step as i64;
        seen.attempt = i64::from(sight.attempt);
        seen.turn = sight.turn as i64;
        seen.remaining_steps = i64::try_from(remaining).unwrap_or(i64::MAX);
        // A branch moves the beginning: the time before it is nobody's.
        seen.started = self.created;
        seen.now = sight.now;
        seen.elapsed = self.now - self.created;
        seen.parent.clone_from(&self.place.parent);
        seen.arrived.clone_from(&sight.arrived);
        if seen.outcome.as_deref() != outcome {
            seen.outcome = outcome.map(Arc::from);
        }
    }

    /// A target with its arguments evaluated; `regs` are what its chunks take.
    pub(super) fn aims(
        &mut self,
        target: &Target,
        regs: &[Value],
        step: u64,
        sight: &Sight,
    ) -> Result<Vec<Aim>, Fault> {
        Ok(match target {
            Target::Node { node, args: None } => vec![Aim::Node(*node, None)],
            Target::Node {
                node,
                args: Some(chunk),
            } => {
                let record = self.value(*chunk, regs, step, sight)?;
                let program = self.program.clone();
                let params = arrange(&program, &self.flow().nodes[node.index()].params, Some(&record))?;
                vec![Aim::Node(*node, Some(params.into()))]
            }
            Target::Many(targets) => {
                let mut all = Vec::new();
                for target in targets {
                    all.extend(self.aims(target, regs, step, sight)?);
                }
                all
            }
            Target::End => vec![Aim::End],
            Target::Halt => vec![Aim::Stop(Stop::Halt)],
            Target::Fail(chunk) => vec![Aim::Stop(Stop::Fail(*chunk, regs.to_vec()))],
            Target::Cancel(chunk) => vec![Aim::Stop(Stop::Cancel(*chunk, regs.to_vec()))],
            Target::Skip => vec![Aim::Skip],
        })
    }

    /// Decides among arms: their indices, in order, each once.
    pub(super) fn decide(
        &mut self,
        decision: &Decision,
        regs: &[Value],
        step: u64,
        sight: &Sight,
    ) -> Result<Vec<usize>, Fault> {
        let value = self.value(decision.decide, regs, step, sight)?;
        let picked: Option<Vec<usize>> = match &value {
            Value::Int(index) => usize::try_from(*index).ok().map(|index| vec![index]),
            Value::List(list) => list
                .iter()
                .map(|item| item.as_int().and_then(|index| usize::try_from(index).ok()))
                .collect(),
            _ => None,
        };
        match picked {
            Some(picked) if picked.iter().all(|&index| index < decision.arms.len()) => Ok(picked),
            _ => Err(bad_code("a decision gave an arm that it does not have".into())),
        }
    }
}

/// Replaces a text by another one, which it nearly always is already.
fn keep(text: &mut Arc<str>, by: &Arc<str>) {
    if !Arc::ptr_eq(text, by) {
        text.clone_from(by);
    }
}

fn as_condition(value: &Value) -> Result<bool, Fault> {
    value
        .as_bool()
        .ok_or_else(|| bad_code(format!("a condition gave {}", value.kind())))
}

/// A value that the program cannot have made if it was compiled rightly.
pub(super) fn bad_code(message: String) -> Fault {
    Fault::new(FaultKind::BadCode, message)
}

/// Values in the order of parameters, from a record of arguments; defaults filled in.
pub(super) fn arrange(
    program: &Program,
    params: &[Param],
    record: Option<&Value>,
) -> Result<Vec<Value>, Fault> {
    let one = |param: &Param| {
        let given = record
            .and_then(|record| record.get(program.image().str(param.name)))
            .cloned();
        given.or_else(|| default_of(program, param)).ok_or_else(|| {
            Fault::new(
                FaultKind::Misfit,
                format!("the argument `{}` is missing", program.image().str(param.name)),
            )
        })
    };
    params.iter().map(one).collect()
}

/// What a parameter is when left out.
fn default_of(program: &Program, param: &Param) -> Option<Value> {
    match param.default {
        Some(id) => Some(program.constant(id).clone()),
        None => takes_null(program, param.ty).then_some(Value::Null),
    }
}

fn takes_null(program: &Program, ty: TypeId) -> bool {
    matches!(program.image().types[ty.index()], Type::Nullable(_))
}

impl Run {
    /// Checks named values from outside against parameters.
    pub(super) fn check_params(
        &mut self,
        params: &[Param],
        given: &Map<String, Json>,
    ) -> Result<Vec<Value>, Failure> {
        let program = self.program.clone();
        let mut values = Vec::with_capacity(params.len());
        for param in params {
            let name = program.image().str(param.name);
            let value = match given.get(name) {
                Some(json) => self.check(param.ty, json).map_err(|fault| named(name, fault))?,
                None => default_of(&program, param).ok_or_else(|| {
                    Failure::from(Fault::new(
                        FaultKind::Misfit,
                        format!(
                            "$.{name}: expected {}, but it is missing",
                            border::type_name(program.image(), param.ty)
                        ),
                    ))
                })?,
            };
            values.push(value);
        }
        Ok(values)
    }
}

fn named(name: &str, mut fault: Fault) -> Failure {
    let rest = fault.path.take().unwrap_or_default();
    fault.path = Some(format!("$.{name}{}", rest.trim_start_matches('$')));
    Failure::from(fault)
}

/// A record of a node's parameters, for events.
pub(super) fn params_json(program: &Program, params: &[Param], values: &[Value]) -> Json {
    if params.is_empty() {
        return Json::Null;
    }
    let named = params
        .iter()
        .zip(values)
        .map(|(param, value)| (program.image().str(param.name).to_owned(), border::to_json(value)));
    Json::Object(named.collect())
}
