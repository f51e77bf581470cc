//! The dispatch loop: frames, loads, jumps, calls and checks. Operators are in `operators`, what
//! makes and reads containers in `build`.

use std::sync::Arc;

use flow_bytecode::{ChunkId, Method, Op, Reg, RunField, TypeId};

use super::{Env, Fuel, Interp, RunView, Update, operators};
use crate::border;
use crate::builtins;
use crate::fault::{Fault, FaultKind};
use crate::limits::CALL_DEPTH;
use crate::value::{Closure, Secret, Value, bounded};

impl Interp {
    /// Opens a frame on top of the registers, runs the chunk, closes the frame.
    pub(super) fn enter(
        &mut self,
        env: &Env<'_>,
        chunk: ChunkId,
        args: impl Iterator<Item = Value>,
        fuel: &mut Fuel,
    ) -> Result<Value, Fault> {
        let code = &env.program.image().chunks[chunk.index()];
        if self.depth >= CALL_DEPTH {
            return Err(Fault::new(
                FaultKind::TooLarge,
                format!("more than {CALL_DEPTH} calls within each other"),
            ));
        }
        let base = self.registers.len();
        self.registers.extend(args);
        if self.registers.len() - base != usize::from(code.params) {
            self.registers.truncate(base);
            return Err(Fault::new(
                FaultKind::BadCode,
                "a function is called with a wrong number of arguments",
            ));
        }
        self.registers
            .resize(base + usize::from(code.registers), Value::Null);
        self.depth += 1;
        let mut next = 0;
        let result = self.run(env, &code.code, base, &mut next, fuel);
        self.depth -= 1;
        self.registers.truncate(base);
        result.map_err(|fault| fault.at(code.spans.get(next - 1).copied()))
    }

    /// Runs a frame. `next` is left behind the instruction that failed.
    fn run(
        &mut self,
        env: &Env<'_>,
        code: &[Op],
        base: usize,
        next: &mut usize,
        fuel: &mut Fuel,
    ) -> Result<Value, Fault> {
        loop {
            let op = match run_plain(env, code, &mut self.registers[base..], next, fuel)? {
                Stopped::Returned(value) => return Ok(value),
                Stopped::Before(op) => op,
            };
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
            Op::Unary { op, dst, a } => (dst, operators::unary(op, self.reg(base, a))?),
            Op::IntToFloat { dst, a } => (dst, operators::int_to_float(self.reg(base, a))?),
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
                let args = self.slice(base, first, count).to_vec();
                (dst, self.enter(env, chunk, args.into_iter(), fuel)?)
            }
            Op::CallValue {
                dst,
                callee,
                first,
                count,
            } => {
                let args = self.slice(base, first, count).to_vec();
                let callee = self.reg(base, callee).clone();
                (dst, self.call_value(env, &callee, args.into_iter(), fuel)?)
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
            return Err(Fault::new(
                FaultKind::BadCode,
                format!("{} is called as a function", callee.kind()),
            ));
        };
        self.enter(
            env,
            closure.chunk(),
            closure.captured().iter().cloned().chain(args),
            fuel,
        )
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
    /// This instruction needs more than the frame; it is paid for.
    Before(Op),
}

/// Runs the instructions that need nothing but their frame and the surroundings. Code only goes
/// forward, so that they can be paid for when they have run.
fn run_plain(
    env: &Env<'_>,
    code: &[Op],
    frame: &mut [Value],
    next: &mut usize,
    fuel: &mut Fuel,
) -> Result<Stopped, Fault> {
    let mut at = *next;
    let mut ran = 0;
    let stopped = loop {
        let op = code[at];
        at += 1;
        ran += 1;
        match op {
            Op::Jump { to } => at = to as usize,
            Op::JumpIfNot { cond, to } => match truth(&frame[usize::from(cond)]) {
                Ok(true) => {}
                Ok(false) => at = to as usize,
                Err(fault) => break Err(fault),
            },
            Op::JumpIfNull { a, to } => {
                if frame[usize::from(a)].is_null() {
                    at = to as usize;
                }
            }
            Op::Return { src } => {
                let value = std::mem::replace(&mut frame[usize::from(src)], Value::Null);
                break Ok(Stopped::Returned(value));
            }
            _ => match plain(env, op, frame, fuel) {
                Some((dst, Ok(value))) => frame[usize::from(dst)] = value,
                Some((_, Err(fault))) => break Err(fault),
                None => break Ok(Stopped::Before(op)),
            },
        }
    };
    *next = at;
    match stopped {
        Ok(stopped) => fuel.spend(ran).map(|()| stopped),
        Err(fault) => {
            fuel.forfeit(ran);
            Err(fault)
        }
    }
}

/// What an instruction gives that needs nothing but the frame and the surroundings. None: it needs more.
#[inline]
fn plain(env: &Env<'_>, op: Op, frame: &[Value], fuel: &mut Fuel) -> Option<(Reg, Result<Value, Fault>)> {
    Some(match op {
        Op::Const { dst, value } => (dst, Ok(env.program.constant(value).clone())),
        Op::Move { dst, src } => (dst, Ok(frame[usize::from(src)].clone())),
        Op::LoadField { dst, field } => {
            let found = env.fields.field(field);
            (dst, Ok(found.cloned().unwrap_or(Value::Null)))
        }
        Op::Binary { op, dst, a, b } => {
            let (a, b) = (&frame[usize::from(a)], &frame[usize::from(b)]);
            (dst, operators::binary(op, a, b, fuel))
        }
        Op::Method {
            dst,
            method: Method::Len,
            first,
            count: 1,
        } => match &frame[usize::from(first)] {
            Value::List(list) => (dst, Ok(Value::Int(list.len() as i64))),
            _ => return None,
        },
        Op::Field {
            dst,
            base,
            name,
            hint,
        } => {
            let of = &frame[usize::from(base)];
            (dst, Interp::field(of, env.program.text(name), hint))
        }
        _ => return None,
    })
}

/// What the surroundings hold: input, configuration, run, secrets.
fn load(env: &Env<'_>, op: Op) -> Option<(Reg, Value)> {
    Some(match op {
        Op::LoadInput { dst, index } => (dst, at_position(env.input, index)),
        Op::LoadConfig { dst, index } => (dst, at_position(env.config, index)),
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
fn no_truth(value: &Value) -> Fault {
    Fault::new(
        FaultKind::BadCode,
        format!("a condition is {}, not a bool", value.kind()),
    )
}

fn at_position(values: &[Value], index: u16) -> Value {
    values.get(usize::from(index)).cloned().unwrap_or(Value::Null)
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
