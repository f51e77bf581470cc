//! What the condition of a refined type asks of its value, read from the condition's code: ranges, lengths, patterns,
//! choices. It is followed as if every test in it came out true; what is not understood is left to trying.

use flow_bytecode::{BinaryOp, ChunkId, Method, Op, Reg, UnaryOp};
use flow_machine::Program;
use flow_machine::value::Value;

/// Calls within each other that are followed.
const DEPTH: u32 = 8;

/// What a value must be. Parts of records have demands of their own.
#[derive(Clone, Debug, Default)]
pub(super) struct Demands {
    /// The least and the greatest number, and whether the end itself is allowed.
    pub(super) least: Option<(f64, bool)>,
    pub(super) greatest: Option<(f64, bool)>,
    /// The least and the greatest length.
    pub(super) shortest: Option<i64>,
    pub(super) longest: Option<i64>,
    /// Regular expressions that match somewhere.
    pub(super) patterns: Vec<String>,
    /// Texts at the beginning, at the end and anywhere.
    pub(super) prefix: Option<String>,
    pub(super) suffix: Option<String>,
    pub(super) parts: Vec<String>,
    /// One of these.
    pub(super) choices: Vec<Value>,
    /// A number that divides it.
    pub(super) step: Option<i64>,
    /// Of fields.
    pub(super) fields: Vec<(String, Demands)>,
}

/// What a condition computes with.
#[derive(Clone, Debug)]
enum Term {
    /// The value itself, or a field in it.
    Subject(Vec<String>),
    Length(Vec<String>),
    /// The rest of a division by a number.
    Rest(Vec<String>, i64),
    Known(Value),
    Compared(BinaryOp, Box<Term>, Box<Term>),
    Asked(Method, Box<Term>, Box<Term>),
    Unknown,
}

impl Demands {
    /// Reads a condition; what is known already stays.
    pub(super) fn read(&mut self, program: &Program, check: ChunkId) {
        let subject = Term::Subject(Vec::new());
        let result = self.follow(program, check, &[subject], 0);
        self.demand(&result);
    }

    /// The demands on a field.
    pub(super) fn field(&self, name: &str) -> Demands {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map(|(_, demands)| demands.clone()).unwrap_or_default()
    }

    /// Follows code along the way on which all its tests are true; gives what it returns.
    fn follow(&mut self, program: &Program, chunk: ChunkId, args: &[Term], depth: u32) -> Term {
        let code = &program.image().chunks[chunk.index()];
        let mut registers = vec![Term::Unknown; usize::from(code.registers)];
        registers[..args.len()].clone_from_slice(args);
        let mut at = 0;
        while let Some(op) = code.code.get(at) {
            at += 1;
            match *op {
                Op::Jump { to } => at = to as usize,
                Op::JumpIfNot { cond, .. } => {
                    let held = registers[usize::from(cond)].clone();
                    self.demand(&held);
                }
                Op::JumpIfNull { .. } | Op::Ensure { .. } => {}
                Op::Return { src } => return registers[usize::from(src)].clone(),
                Op::Call {
                    dst,
                    chunk,
                    first,
                    count,
                } => {
                    let from = usize::from(first);
                    let args = registers[from..from + usize::from(count)].to_vec();
                    registers[usize::from(dst)] = if depth < DEPTH {
                        self.follow(program, chunk, &args, depth + 1)
                    } else {
                        Term::Unknown
                    };
                }
                _ => {
                    if let Some((dst, term)) = step(program, *op, &registers) {
                        registers[usize::from(dst)] = term;
                    }
                }
            }
        }
        Term::Unknown
    }

    /// A term must be true.
    fn demand(&mut self, term: &Term) {
        match term {
            Term::Compared(op, a, b) => match (&**a, &**b) {
                (Term::Known(value), other) => self.compare(mirrored(*op), other, value),
                (other, Term::Known(value)) => self.compare(*op, other, value),
                _ => {}
            },
            Term::Asked(method, subject, value) => {
                if let (Term::Subject(path), Term::Known(value)) = (&**subject, &**value) {
                    self.at(path).ask(*method, value);
                }
            }
            _ => {}
        }
    }

    fn compare(&mut self, op: BinaryOp, term: &Term, value: &Value) {
        match (op, term) {
            (BinaryOp::In, Term::Subject(path)) => {
                let choices = value.as_list().into_iter().flat_map(|list| list.iter().cloned());
                self.at(path).choices.extend(choices);
            }
            (BinaryOp::Eq, Term::Subject(path)) => self.at(path).choices.push(value.clone()),
            (BinaryOp::Eq, Term::Rest(path, by)) if value.as_int() == Some(0) => {
                self.at(path).step = Some(*by);
            }
            (_, Term::Subject(path)) => {
                if let Some(number) = number(value) {
                    self.at(path).bound(op, number);
                }
            }
            (_, Term::Length(path)) => {
                if let Some(length) = value.as_int() {
                    self.at(path).bound_length(op, length);
                }
            }
            _ => {}
        }
    }

    fn ask(&mut self, method: Method, value: &Value) {
        let Some(text) = value.as_str().map(str::to_owned) else {
            return;
        };
        match method {
            Method::Matches => self.patterns.push(text),
            Method::StartsWith => self.prefix = Some(text),
            Method::EndsWith => self.suffix = Some(text),
            Method::Contains => self.parts.push(text),
            _ => {}
        }
    }

    fn bound(&mut self, op: BinaryOp, number: f64) {
        match op {
            BinaryOp::Ge | BinaryOp::Gt => {
                let end = (number, op == BinaryOp::Ge);
                if self.least.is_none_or(|(least, _)| number >= least) {
                    self.least = Some(end);
                }
            }
            BinaryOp::Le | BinaryOp::Lt => {
                let end = (number, op == BinaryOp::Le);
                if self.greatest.is_none_or(|(greatest, _)| number <= greatest) {
                    self.greatest = Some(end);
                }
            }
            _ => {}
        }
    }

    fn bound_length(&mut self, op: BinaryOp, length: i64) {
        let longer = |old: Option<i64>, new: i64| Some(old.map_or(new, |old| old.max(new)));
        let shorter = |old: Option<i64>, new: i64| Some(old.map_or(new, |old| old.min(new)));
        match op {
            BinaryOp::Ge => self.shortest = longer(self.shortest, length),
            BinaryOp::Gt => self.shortest = longer(self.shortest, length.saturating_add(1)),
            BinaryOp::Le => self.longest = shorter(self.longest, length),
            BinaryOp::Lt => self.longest = shorter(self.longest, length.saturating_sub(1)),
            BinaryOp::Eq => {
                self.shortest = longer(self.shortest, length);
                self.longest = shorter(self.longest, length);
            }
            BinaryOp::Ne if length == 0 => self.shortest = longer(self.shortest, 1),
            _ => {}
        }
    }

    /// The demands on a part.
    fn at(&mut self, path: &[String]) -> &mut Demands {
        let Some((first, rest)) = path.split_first() else {
            return self;
        };
        let found = self.fields.iter().position(|(name, _)| name == first);
        let at = found.unwrap_or_else(|| {
            self.fields.push((first.clone(), Demands::default()));
            self.fields.len() - 1
        });
        self.fields[at].1.at(rest)
    }
}

/// What an instruction that neither jumps nor calls writes.
fn step(program: &Program, op: Op, registers: &[Term]) -> Option<(Reg, Term)> {
    let of = |reg: Reg| registers[usize::from(reg)].clone();
    Some(match op {
        Op::Const { dst, value } => (dst, Term::Known(program.constant(value).clone())),
        Op::Move { dst, src } => (dst, of(src)),
        Op::IntToFloat { dst, a } => (dst, of(a)),
        Op::Unary { op, dst, a } => (dst, unary(op, of(a))),
        Op::Field { dst, base, name, .. } => {
            let term = match of(base) {
                Term::Subject(mut path) => {
                    path.push(program.image().str(name).to_owned());
                    Term::Subject(path)
                }
                _ => Term::Unknown,
            };
            (dst, term)
        }
        Op::Binary { op, dst, a, b } => (dst, binary(op, of(a), of(b))),
        Op::Method {
            dst,
            method,
            first,
            count,
        } => {
            let term = match (method, count, of(first)) {
                (Method::Len, 1, Term::Subject(path)) => Term::Length(path),
                (_, 2, subject) => Term::Asked(method, Box::new(subject), Box::new(of(first + 1))),
                _ => Term::Unknown,
            };
            (dst, term)
        }
        Op::List { dst, first, count } => {
            let from = usize::from(first);
            let items = registers[from..from + usize::from(count)].iter();
            let known = items.map(|item| match item {
                Term::Known(value) => Some(value.clone()),
                _ => None,
            });
            let list = known.collect::<Option<Vec<_>>>();
            (
                dst,
                list.map_or(Term::Unknown, |list| Term::Known(Value::list(list))),
            )
        }
        _ => return None,
    })
}

fn unary(op: UnaryOp, term: Term) -> Term {
    match (op, term) {
        (UnaryOp::Not, Term::Compared(op, a, b)) => match opposite(op) {
            Some(op) => Term::Compared(op, a, b),
            None => Term::Unknown,
        },
        (UnaryOp::Neg, Term::Known(Value::Int(number))) => Term::Known(Value::Int(number.saturating_neg())),
        (UnaryOp::Neg, Term::Known(Value::Float(number))) => Term::Known(Value::Float(-number)),
        _ => Term::Unknown,
    }
}

fn binary(op: BinaryOp, a: Term, b: Term) -> Term {
    use BinaryOp::{Eq, Ge, Gt, In, Le, Lt, Ne, Rem};
    match (op, a, b) {
        (Rem, Term::Subject(path), Term::Known(Value::Int(by))) if by > 0 => Term::Rest(path, by),
        (In, Term::Known(part), Term::Subject(path)) if part.as_str().is_some() => {
            let subject = Box::new(Term::Subject(path));
            Term::Asked(Method::Contains, subject, Box::new(Term::Known(part)))
        }
        (Eq | Ne | Lt | Le | Gt | Ge | In, a, b) => Term::Compared(op, Box::new(a), Box::new(b)),
        _ => Term::Unknown,
    }
}

fn opposite(op: BinaryOp) -> Option<BinaryOp> {
    use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne};
    Some(match op {
        Eq => Ne,
        Ne => Eq,
        Lt => Ge,
        Ge => Lt,
        Gt => Le,
        Le => Gt,
        _ => return None,
    })
}

fn mirrored(op: BinaryOp) -> BinaryOp {
    use BinaryOp::{Ge, Gt, Le, Lt};
    match op {
        Lt => Gt,
        Gt => Lt,
        Le => Ge,
        Ge => Le,
        same => same,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) | Value::Duration(number) | Value::Time(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}
