//! The dispatch loop: frames, loads, jumps, calls and checks. Operators are in `operators`, what
//! makes and reads containers in `build`.

use std::sync::Arc;

use flow_bytecode::{Chunk, ChunkId, Method, Op, Reg, RunField, TypeId};

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
        let mut place = Place { unpaid: 0, next: 0 };
        let result = self.run(env, code, base, &mut place, fuel);
        self.depth -= 1;
        self.registers.truncate(base);
        result.map_err(|fault| {
            fuel.forfeit(place.ran());
            fault.at(code.spans.get(place.next - 1).copied())
        })
    }

    /// Runs a frame. `place` is left behind the instruction that failed.
    fn run(
        &mut self,
        env: &Env<'_>,
        code: &Chunk,
        base: usize,
        place: &mut Place,
        fuel: &mut Fuel,
    ) -> Result<Value, Fault> {
        loop {
            let op = code.code[place.next];
            place.next += 1;
            let (dst, value) = match op {
                Op::Const { dst, value } => (dst, env.program.constant(value).clone()),
                Op::Move { dst, src } => (dst, self.reg(base, src).clone()),
                Op::LoadField { dst, field } => {
                    (dst, env.fields.field(field).cloned().unwrap_or(Value::Null))
                }
                Op::Binary { op, dst, a, b } => (
                    dst,
                    operators::binary(op, self.reg(base, a), self.reg(base, b), fuel)?,
                ),
                Op::Method {
                    dst,
                    method,
                    first,
                    count,
                } => (dst, self.method(env, method, base, first, count, fuel)?),
                Op::Field {
                    dst,
                    base: of,
                    name,
                    hint,
                } => (
                    dst,
                    Self::field(self.reg(base, of), env.program.text(name), hint)?,
                ),
                Op::Jump { to } => {
                    place.jump(to, fuel)?;
                    continue;
                }
                Op::JumpIfNot { cond, to } => {
                    if !truth(self.reg(base, cond))? {
                        place.jump(to, fuel)?;
                    }
                    continue;
                }
                Op::JumpIfNull { a, to } => {
                    if self.reg(base, a).is_null() {
                        place.jump(to, fuel)?;
                    }
                    continue;
                }
                Op::Return { src } => {
                    fuel.spend(place.ran())?;
                    return Ok(std::mem::replace(
                        &mut self.registers[base + usize::from(src)],
                        Value::Null,
                    ));
                }
                other => match self.rare(env, other, base, fuel)? {
                    Some(written) => written,
                    None => continue,
                },
            };
            self.registers[base + usize::from(dst)] = value;
        }
    }

    /// The instructions that are not worth a place in the loop. Gives what is to be written.
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
        if let (Method::Len, [Value::List(list)]) = (method, args) {
            return Ok(Value::Int(list.len() as i64));
        }
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

/// Where a frame is. Code only goes forward, so that what it does can be paid in straight runs: at
/// each jump, and at the end.
struct Place {
    /// The first instruction that is not paid for.
    unpaid: usize,
    /// The instruction that comes next.
    next: usize,
}

impl Place {
    /// How many instructions have run unpaid.
    #[inline]
    fn ran(&self) -> u64 {
        (self.next - self.unpaid) as u64
    }

    #[inline]
    fn jump(&mut self, to: u32, fuel: &mut Fuel) -> Result<(), Fault> {
        fuel.spend(self.ran())?;
        self.next = to as usize;
        self.unpaid = self.next;
        Ok(())
    }
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
