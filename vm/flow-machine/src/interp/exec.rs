//! The dispatch loop: frames, steps, calls and checks. What steps there are is in `code`, operators in
//! `operators`, what makes and reads containers in `build`.

use std::sync::Arc;

use flow_bytecode::{ChunkId, Method, Op, Reg, RunField, TypeId};

use super::code::{Code, Source, Step};
use super::{Env, Fuel, Interp, RunView, Update, build, operators};
use crate::border;
use crate::builtins;
use crate::fault::{Fault, FaultKind};
use crate::limits::CALL_DEPTH;
use crate::value::{Closure, Secret, Value, bounded};

impl Interp {
    /// Runs a chunk on the frame that begins with its arguments, the registers from `base` on, and
    /// closes the frame.
    pub(super) fn enter(
        &mut self,
        env: &Env<'_>,
        chunk: ChunkId,
        base: usize,
        fuel: &mut Fuel,
    ) -> Result<Value, Fault> {
        let code = env.program.code(chunk);
        if let Err(fault) = self.open(code, base) {
            self.registers.truncate(base);
            return Err(fault);
        }
        self.depth += 1;
        let mut next = 0;
        let result = self.run(env, chunk, code, base, &mut next, fuel);
        self.depth -= 1;
        self.registers.truncate(base);
        match result {
            Ok(value) => Ok(value),
            Err(fault) => Err(fault.at(env.program.span(chunk, code.failing(next - 1)))),
        }
    }

    /// Makes room for a frame, if this is a call that may be made.
    #[inline]
    fn open(&mut self, code: &Code, base: usize) -> Result<(), Fault> {
        if self.depth >= CALL_DEPTH {
            return Err(too_deep());
        }
        if self.registers.len() - base != code.params {
            return Err(Fault::new(
                FaultKind::BadCode,
                "a function is called with a wrong number of arguments",
            ));
        }
        self.registers.resize_with(base + code.registers, || Value::Null);
        Ok(())
    }

    /// Runs a frame. `next` is left behind the step that failed.
    fn run(
        &mut self,
        env: &Env<'_>,
        chunk: ChunkId,
        code: &Code,
        base: usize,
        next: &mut usize,
        fuel: &mut Fuel,
    ) -> Result<Value, Fault> {
        loop {
            let place = match run_plain(env, code, &mut self.registers[base..], next, fuel)? {
                Stopped::Returned(value) => return Ok(value),
                Stopped::Before(place) => place,
            };
            let op = env.program.image().chunks[chunk.index()].code[place];
            if let Some((dst, value)) = self.rare(env, op, base, fuel)? {
                self.registers[base + usize::from(dst)] = value;
            }
        }
    }

    /// The instructions that need more than the frame. Gives what is to be written.
    fn rare(
        &mut self,
        env: &Env<'_>,
        op: Op,
        base: usize,
        fuel: &mut Fuel,
    ) -> Result<Option<(Reg, Value)>, Fault> {
        if let Some(loaded) = load(env, op) {
            return Ok(Some(loaded));
        }
        Ok(Some(match op {
            Op::Method {
                dst,
                method,
                first,
                count,
            } => (dst, self.method(env, method, base, first, count, fuel)?),
            Op::Call { .. } | Op::CallValue { .. } | Op::Closure { .. } => {
                self.calling(env, op, base, fuel)?
            }
            Op::Cast { dst, a, ty } => (dst, self.cast(env, base, a, ty, fuel)?),
            Op::CheckRefined { a, ty } => {
                self.cast(env, base, a, ty, fuel)?;
                return Ok(None);
            }
            Op::Ensure { cond, message } => {
                if !truth(self.reg(base, cond))? {
                    return Err(Fault::new(
                        FaultKind::Ensure,
                        border::text(self.reg(base, message)),
                    ));
                }
                return Ok(None);
            }
            Op::Fail { message } => {
                return Err(Fault::new(FaultKind::Fail, border::text(self.reg(base, message))));
            }
            Op::Update {
                field,
                value,
                overwrite,
            } => {
                let value = self.reg(base, value).clone();
                self.updates.push(Update {
                    field,
                    value,
                    overwrite,
                });
                return Ok(None);
            }
            Op::Emit { name, value } => {
                let value = self.reg(base, value).clone();
                self.emits.push((name, value));
                return Ok(None);
            }
            other => self.build(env, other, base, fuel)?,
        }))
    }

    /// Calls of functions, and function values.
    fn calling(
        &mut self,
        env: &Env<'_>,
        op: Op,
        base: usize,
        fuel: &mut Fuel,
    ) -> Result<(Reg, Value), Fault> {
        Ok(match op {
            Op::Call {
                dst,
                chunk,
                first,
                count,
            } => {
                let frame = self.registers.len();
                self.pass(base, first, count);
                (dst, self.enter(env, chunk, frame, fuel)?)
            }
            Op::CallValue {
                dst,
                callee,
                first,
                count,
            } => {
                let Value::Closure(closure) = self.reg(base, callee).clone() else {
                    return Err(no_function(self.reg(base, callee)));
                };
                let frame = self.registers.len();
                self.registers.extend_from_slice(closure.captured());
                self.pass(base, first, count);
                (dst, self.enter(env, closure.chunk(), frame, fuel)?)
            }
            Op::Closure {
                dst,
                chunk,
                first,
                count,
            } => {
                let captured = self.slice(base, first, count).into();
                (
                    dst,
                    bounded(Value::Closure(Arc::new(Closure::new(chunk, captured))))?,
                )
            }
            other => unreachable!("{other:?} is no call"),
        })
    }

    /// Calls a function value.
    pub(crate) fn call_value(
        &mut self,
        env: &Env<'_>,
        callee: &Value,
        args: impl Iterator<Item = Value>,
        fuel: &mut Fuel,
    ) -> Result<Value, Fault> {
        let Value::Closure(closure) = callee else {
            return Err(no_function(callee));
        };
        let frame = self.registers.len();
        self.registers.extend_from_slice(closure.captured());
        self.registers.extend(args);
        self.enter(env, closure.chunk(), frame, fuel)
    }

    fn method(
        &mut self,
        env: &Env<'_>,
        method: Method,
        base: usize,
        first: Reg,
        count: u16,
        fuel: &mut Fuel,
    ) -> Result<Value, Fault> {
        let args = &self.registers[base + usize::from(first)..][..usize::from(count)];
        if args.iter().skip(1).any(|arg| matches!(arg, Value::Closure(_))) {
            let args = args.to_vec();
            return builtins::with_function(
                method,
                &args,
                &mut builtins::Caller {
                    interp: self,
                    env,
                    fuel,
                },
            );
        }
        builtins::plain(method, args, &mut self.patterns, fuel)
    }

    fn cast(
        &mut self,
        env: &Env<'_>,
        base: usize,
        a: Reg,
        ty: TypeId,
        fuel: &mut Fuel,
    ) -> Result<Value, Fault> {
        let value = self.reg(base, a).clone();
        border::check_value(env.program, ty, &value, self, fuel)
    }

    /// Puts copies of registers of a frame on top, as arguments.
    fn pass(&mut self, base: usize, first: Reg, count: u16) {
        let from = base + usize::from(first);
        self.registers.extend_from_within(from..from + usize::from(count));
    }

    #[inline]
    pub(super) fn reg(&self, base: usize, reg: Reg) -> &Value {
        &self.registers[base + usize::from(reg)]
    }

    pub(super) fn slice(&self, base: usize, first: Reg, count: u16) -> &[Value] {
        let from = base + usize::from(first);
        &self.registers[from..from + usize::from(count)]
    }
}

/// Why the plain part of a frame stopped.
enum Stopped {
    /// The chunk has ended with this value.
    Returned(Value),
    /// The instruction at this place needs more than the frame; it is paid for.
    Before(usize),
}

/// Runs the steps that need nothing but their frame and the surroundings. Code only goes forward,
/// so that instructions can be paid for when they have run, a straight stretch at once.
fn run_plain(
    env: &Env<'_>,
    code: &Code,
    frame: &mut [Value],
    next: &mut usize,
    fuel: &mut Fuel,
) -> Result<Stopped, Fault> {
    let mut at = *next;
    let mut stretch = code.begin(at);
    let mut ran = 0;
    let stopped = loop {
        let step = &code.steps[at];
        at += 1;
        let to = match *step {
            Step::Test { dst, by, a, b, to } => {
                match operators::compare(by, a.read(env, frame), b.read(env, frame), fuel) {
                    Ok(holds) => {
                        frame[usize::from(dst)] = Value::Bool(holds);
                        (!holds).then_some(to)
                    }
                    Err(fault) => break Err(fault),
                }
            }
            Step::Compare { dst, by, a, b } => {
                match operators::compare(by, a.read(env, frame), b.read(env, frame), fuel) {
                    Ok(holds) => frame[usize::from(dst)] = Value::Bool(holds),
                    Err(fault) => break Err(fault),
                }
                None
            }
            Step::Jump { to } => Some(to),
            Step::JumpIfNot { cond, to } => match truth(cond.read(env, frame)) {
                Ok(holds) => (!holds).then_some(to),
                Err(fault) => break Err(fault),
            },
            Step::JumpIfNull { a, to } => a.read(env, frame).is_null().then_some(to),
            Step::Return {
                src: Source::Register(src),
            } => {
                let value = std::mem::replace(&mut frame[usize::from(src)], Value::Null);
                break Ok(Stopped::Returned(value));
            }
            Step::Return { src } => break Ok(Stopped::Returned(src.read(env, frame).clone())),
            Step::Rare => break Ok(Stopped::Before(code.place(at - 1))),
            ref plain => {
                match self::plain(env, plain, frame, fuel) {
                    (dst, Ok(value)) => frame[usize::from(dst)] = value,
                    (_, Err(fault)) => break Err(fault),
                }
                None
            }
        };
        if let Some(to) = to {
            ran += code.place(at - 1) + 1 - stretch;
            at = to as usize;
            stretch = code.begin(at);
        }
    };
    *next = at;
    if stopped.is_err() {
        fuel.forfeit((ran + code.failing(at - 1) + 1 - stretch) as u64);
        return stopped;
    }
    fuel.spend((ran + code.place(at - 1) + 1 - stretch) as u64)?;
    stopped
}

/// What a step gives that only writes a register.
#[inline]
fn plain(env: &Env<'_>, step: &Step, frame: &[Value], fuel: &mut Fuel) -> (Reg, Result<Value, Fault>) {
    match *step {
        Step::Copy { dst, src } => (dst, Ok(src.read(env, frame).clone())),
        Step::Len { dst, of } => match of.read(env, frame) {
            Value::List(list) => (dst, Ok(Value::Int(list.len() as i64))),
            other => (dst, builtins::len(other, fuel)),
        },
        Step::Binary { op, dst, a, b } => {
            let (a, b) = (a.read(env, frame), b.read(env, frame));
            (dst, operators::binary(op, a, b, fuel))
        }
        Step::Unary { op, dst, a } => (dst, operators::unary(op, a.read(env, frame))),
        Step::IntToFloat { dst, a } => (dst, operators::int_to_float(a.read(env, frame))),
        Step::Field { dst, of, name, hint } => {
            let name = env.program.text(name);
            (dst, build::field(of.read(env, frame), name, hint))
        }
        Step::Index { dst, of, index } => {
            let (of, index) = (of.read(env, frame), index.read(env, frame));
            (dst, build::index_of(of, index))
        }
        Step::IsVariant { dst, a, name } => {
            let is = build::is_variant(a.read(env, frame), env.program.text(name));
            (dst, Ok(Value::Bool(is)))
        }
        ref other => unreachable!("{other:?} writes more than a register"),
    }
}

/// What the surroundings hold: run, secrets, and what is too far away to be named by a step.
fn load(env: &Env<'_>, op: Op) -> Option<(Reg, Value)> {
    Some(match op {
        Op::Const { dst, value } => (dst, env.program.constant(value).clone()),
        Op::LoadField { dst, field } => (dst, env.fields.field(field).cloned().unwrap_or(Value::Null)),
        Op::LoadRun { dst, what } => (dst, run_field(env.run, what)),
        Op::LoadSecret { dst, name } => (
            dst,
            Value::Secret(Arc::new(Secret::named(env.program.text(name).clone()))),
        ),
        _ => return None,
    })
}

#[inline]
fn truth(value: &Value) -> Result<bool, Fault> {
    match value {
        Value::Bool(value) => Ok(*value),
        other => Err(no_truth(other)),
    }
}

#[cold]
fn too_deep() -> Fault {
    Fault::new(
        FaultKind::TooLarge,
        format!("more than {CALL_DEPTH} calls within each other"),
    )
}

#[cold]
fn no_function(value: &Value) -> Fault {
    Fault::new(
        FaultKind::BadCode,
        format!("{} is called as a function", value.kind()),
    )
}

#[cold]
fn no_truth(value: &Value) -> Fault {
    Fault::new(
        FaultKind::BadCode,
        format!("a condition is {}, not a bool", value.kind()),
    )
}

fn run_field(run: &RunView, what: RunField) -> Value {
    let optional = |text: &Option<Arc<str>>| text.clone().map_or(Value::Null, Value::Str);
    match what {
        RunField::Id => Value::Str(run.id.clone()),
        RunField::Flow => Value::Str(run.flow.clone()),
        RunField::Step => Value::Int(run.step),
        RunField::Node => Value::Str(run.node.clone()),
        RunField::Attempt => Value::Int(run.attempt),
        RunField::Turn => Value::Int(run.turn),
        RunField::RemainingSteps => Value::Int(run.remaining_steps),
        RunField::IsLastStep => Value::Bool(run.remaining_steps == 0),
        RunField::Started => Value::Time(run.started),
        RunField::Now => Value::Time(run.now),
        RunField::Elapsed => Value::Duration(run.elapsed),
        RunField::Parent => optional(&run.parent),
        RunField::Arrived => Value::list(run.arrived.iter().cloned().map(Value::Str)),
        RunField::Outcome => optional(&run.outcome),
    }
}
