//! Evaluation at compile time: an interpreter for expressions that read nothing. What methods do is in
//! `eval_methods`. It follows the machine; where the two could differ (hashes, JSON, casts), the value is not known
//! and the machine decides.

use std::rc::Rc;

use flow_bytecode::{BinaryOp, Method, UnaryOp};
use flow_diagnostics::Span;

use super::Lower;
use crate::hir::ConstValue as Value;
use crate::hir::expr::{Expr, ExprKind, Local, LocalId, Pattern, PatternKind};
use crate::types::TyKind;

/// Deepest nesting of calls; functions do not recurse, so only mistakes are deeper.
pub(super) const MAX_CALLS: u32 = 64;
/// Most items of a list that is computed at compile time.
pub(super) const MAX_ITEMS: usize = 100_000;

/// Why an expression has no value at compile time.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// It fails, and would when it runs.
    Fault(String, Span),
    /// It reads something that is only known when it runs.
    Unknown(String, Span),
    /// Reported already.
    Silent,
}

/// The names of a body and what they stand for.
#[derive(Clone, Default)]
pub(super) struct Env(Vec<(LocalId, Bound)>);

#[derive(Clone)]
enum Bound {
    Value(Value),
    Function(Rc<Closure>),
}

/// A function value.
pub(super) struct Closure {
    params: Vec<Local>,
    body: Expr,
    env: Env,
}

impl Closure {
    pub(super) fn takes_two(&self) -> bool {
        self.params.len() == 2
    }
}

impl Env {
    fn value(&self, id: LocalId) -> Option<&Bound> {
        self.0
            .iter()
            .rev()
            .find(|(known, _)| *known == id)
            .map(|(_, bound)| bound)
    }

    fn with(&self, id: LocalId, value: Value) -> Self {
        let mut inner = self.clone();
        inner.0.push((id, Bound::Value(value)));
        inner
    }
}

impl Lower<'_> {
    /// The value of an expression that reads nothing.
    pub(super) fn eval(&mut self, expr: &Expr) -> Result<Value, Stop> {
        if let ExprKind::Const(value) = &expr.kind {
            return Ok(value.clone());
        }
        self.eval_in(expr, &Env::default())
    }

    /// Whether a refinement holds for a value; `None` where only the machine can tell.
    pub(super) fn holds(&mut self, cond: &Expr, value: &Value) -> Option<bool> {
        let env = Env::default().with(LocalId(0), value.clone());
        match self.eval_in(cond, &env) {
            Ok(Value::Bool(holds)) => Some(holds),
            _ => None,
        }
    }

    pub(super) fn eval_in(&mut self, expr: &Expr, env: &Env) -> Result<Value, Stop> {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Error => Err(Stop::Silent),
            ExprKind::Const(value) => Ok(value.clone()),
            ExprKind::Local(id) => match env.value(*id) {
                Some(Bound::Value(value)) => Ok(value.clone()),
                _ => Err(Stop::Unknown("this name is not".into(), span)),
            },
            ExprKind::Field(_)
            | ExprKind::Input(_)
            | ExprKind::Config(_)
            | ExprKind::Run(_)
            | ExprKind::Secret(_) => Err(Stop::Unknown("this is only known when it runs".into(), span)),
            ExprKind::Record(fields) => Ok(Value::Record(self.eval_fields(fields, env)?)),
            ExprKind::Variant(name, fields) => {
                Ok(Value::Variant(name.clone(), self.eval_fields(fields, env)?))
            }
            ExprKind::With(base, fields) => self.eval_with(base, fields, env),
            ExprKind::Map(pairs) => {
                let mut map = Vec::new();
                for (key, value) in pairs {
                    let Value::Str(key) = self.eval_in(key, env)? else {
                        return Err(Stop::Silent);
                    };
                    let value = self.eval_in(value, env)?;
                    set(&mut map, key, value);
                }
                Ok(Value::Map(map))
            }
            ExprKind::List(items) => {
                let items: Result<Vec<Value>, Stop> =
                    items.iter().map(|item| self.eval_in(item, env)).collect();
                Ok(Value::List(items?))
            }
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.eval_in(a, env)?, self.eval_in(b, env)?);
                binary(*op, a, b, span)
            }
            ExprKind::Unary(op, a) => unary(*op, self.eval_in(a, env)?, span),
            ExprKind::Refine(inner) => self.eval_refined(expr, inner, env),
            ExprKind::Let(local, value, body) => {
                let value = self.eval_in(value, env)?;
                self.eval_in(body, &env.with(local.id, value))
            }
            ExprKind::Lambda(..) | ExprKind::FnValue(_) => {
                Err(Stop::Unknown("a function is no value".into(), span))
            }
            _ => self.eval_more(expr, env),
        }
    }

    fn eval_more(&mut self, expr: &Expr, env: &Env) -> Result<Value, Stop> {
        let span = expr.span;
        match &expr.kind {
            ExprKind::And(a, b) => match self.eval_in(a, env)? {
                Value::Bool(true) => self.eval_in(b, env),
                other => Ok(other),
            },
            ExprKind::Or(a, b) => match self.eval_in(a, env)? {
                Value::Bool(false) => self.eval_in(b, env),
                other => Ok(other),
            },
            ExprKind::Coalesce(a, b) => match self.eval_in(a, env)? {
                Value::Null => self.eval_in(b, env),
                other => Ok(other),
            },
            ExprKind::Widen(a) => match self.eval_in(a, env)? {
                Value::Int(n) => Ok(Value::Float(n as f64)),
                other => Ok(other),
            },
            ExprKind::Interpolate(parts) => {
                let mut text = String::new();
                for part in parts {
                    let value = self.eval_in(part, env)?;
                    text.push_str(
                        &shown(&value).ok_or_else(|| unknown("how this is shown is not", part.span))?,
                    );
                }
                Ok(Value::Str(text))
            }
            ExprKind::If(cond, then, otherwise) => match self.eval_in(cond, env)? {
                Value::Bool(true) => self.eval_in(then, env),
                _ => self.eval_in(otherwise, env),
            },
            ExprKind::Match(subject, arms) => {
                let subject = self.eval_in(subject, env)?;
                for arm in arms {
                    if let Some(inner) = taken(&arm.pattern, &subject, env) {
                        return self.eval_in(&arm.body, &inner);
                    }
                }
                Err(Stop::Silent)
            }
            ExprKind::Method(method, args) => self.eval_call(*method, args, env, span),
            ExprKind::Call(function, args) => self.eval_fn(function.0, args, env, span),
            ExprKind::CallLocal(id, args) => {
                let Some(Bound::Function(closure)) = env.value(*id).cloned() else {
                    return Err(Stop::Silent);
                };
                let args: Result<Vec<Value>, Stop> = args.iter().map(|arg| self.eval_in(arg, env)).collect();
                self.apply_closure(&closure, args?)
            }
            _ => self.eval_part(expr, env),
        }
    }

    /// A part of a value.
    fn eval_part(&mut self, expr: &Expr, env: &Env) -> Result<Value, Stop> {
        match &expr.kind {
            ExprKind::Access(base, name) => match self.eval_in(base, env)? {
                Value::Record(fields) | Value::Map(fields) => Ok(fields
                    .into_iter()
                    .find(|(known, _)| known == name)
                    .map_or(Value::Null, |(_, value)| value)),
                _ => Err(Stop::Silent),
            },
            ExprKind::Index(base, index) => {
                let (base, index) = (self.eval_in(base, env)?, self.eval_in(index, env)?);
                indexed(base, &index, expr.span)
            }
            ExprKind::Safe {
                receiver,
                local,
                rest,
            } => match self.eval_in(receiver, env)? {
                Value::Null => Ok(Value::Null),
                value => self.eval_in(rest, &env.with(local.id, value)),
            },
            _ => Err(unknown("`as` is checked when it runs", expr.span)),
        }
    }

    fn eval_fields(&mut self, fields: &[(String, Expr)], env: &Env) -> Result<Vec<(String, Value)>, Stop> {
        fields
            .iter()
            .map(|(name, value)| Ok((name.clone(), self.eval_in(value, env)?)))
            .collect()
    }

    fn eval_with(&mut self, base: &Expr, fields: &[(String, Expr)], env: &Env) -> Result<Value, Stop> {
        let Value::Record(mut record) = self.eval_in(base, env)? else {
            return Err(Stop::Silent);
        };
        for (name, value) in fields {
            let value = self.eval_in(value, env)?;
            set(&mut record, name.clone(), value);
        }
        Ok(Value::Record(record))
    }

    fn eval_refined(&mut self, whole: &Expr, inner: &Expr, env: &Env) -> Result<Value, Stop> {
        let value = self.eval_in(inner, env)?;
        let TyKind::Refined(refined) = self.kind(whole.ty).clone() else {
            return Ok(value);
        };
        match self.holds(&refined.cond, &value) {
            Some(true) => Ok(value),
            Some(false) => Err(Stop::Fault(
                format!("`{}` does not hold", refined.text),
                whole.span,
            )),
            // Only the machine can tell; it does where the value is used.
            None => Ok(value),
        }
    }

    fn eval_fn(&mut self, index: u32, args: &[Expr], env: &Env, span: Span) -> Result<Value, Stop> {
        if self.depth >= MAX_CALLS {
            self.too_deep.get_or_insert(span);
            return Err(Stop::Silent);
        }
        let Some(body) = self.fn_body(index) else {
            return Err(Stop::Silent);
        };
        let mut inner = Env::default();
        for (param, arg) in body.params.iter().zip(args) {
            let bound = match closure_of(arg, env) {
                Some(closure) => Bound::Function(closure),
                None => Bound::Value(self.eval_in(arg, env)?),
            };
            inner.0.push((param.id, bound));
        }
        self.depth += 1;
        let result = self.eval_in(&body.value, &inner);
        self.depth -= 1;
        result.map_err(|stop| match stop {
            Stop::Fault(message, _) => Stop::Fault(message, span),
            other => other,
        })
    }

    pub(super) fn apply_closure(&mut self, closure: &Closure, args: Vec<Value>) -> Result<Value, Stop> {
        let mut inner = closure.env.clone();
        inner.0.extend(
            closure
                .params
                .iter()
                .map(|param| param.id)
                .zip(args.into_iter().map(Bound::Value)),
        );
        self.eval_in(&closure.body, &inner)
    }

    fn eval_call(&mut self, method: Method, args: &[Expr], env: &Env, span: Span) -> Result<Value, Stop> {
        let mut function = None;
        let mut values = Vec::new();
        for arg in args {
            match closure_of(arg, env) {
                Some(closure) => function = Some(closure),
                None => values.push(self.eval_in(arg, env)?),
            }
        }
        match function {
            Some(function) => self.eval_with_function(method, values, &function, span),
            None => super::eval_methods::plain(method, &values, span),
        }
    }
}

pub(super) fn unknown(what: &str, span: Span) -> Stop {
    Stop::Unknown(what.to_string(), span)
}

/// Sets a key of a record or map; a new one comes last.
pub(super) fn set(fields: &mut Vec<(String, Value)>, key: String, value: Value) {
    match fields.iter_mut().find(|(known, _)| *known == key) {
        Some(field) => field.1 = value,
        None => fields.push((key, value)),
    }
}

/// What `${…}` shows of a value; `None` where the machine knows better.
pub(super) fn shown(value: &Value) -> Option<String> {
    Some(match value {
        Value::Str(text) | Value::Case(text) => text.clone(),
        Value::Int(n) => n.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Null => "null".into(),
        Value::Float(x) => serde_json::Number::from_f64(*x)?.to_string(),
        _ => return None,
    })
}

fn taken(pattern: &Pattern, value: &Value, env: &Env) -> Option<Env> {
    match &pattern.kind {
        PatternKind::Any | PatternKind::Error => Some(env.clone()),
        PatternKind::Value(known) => (known == value).then(|| env.clone()),
        PatternKind::Range(from, to) => {
            let above = from
                .as_ref()
                .is_none_or(|from| compare(from, value).is_some_and(std::cmp::Ordering::is_le));
            let below = to
                .as_ref()
                .is_none_or(|to| compare(value, to).is_some_and(std::cmp::Ordering::is_le));
            (above && below).then(|| env.clone())
        }
        PatternKind::Variant(name, binds) => match value {
            Value::Variant(known, fields) if known == name => {
                let mut inner = env.clone();
                for (field, local) in binds {
                    let value = fields.iter().find(|(known, _)| known == field)?.1.clone();
                    inner.0.push((local.id, Bound::Value(value)));
                }
                Some(inner)
            }
            _ => None,
        },
        PatternKind::Or(all) => all.iter().find_map(|one| taken(one, value, env)),
    }
}

/// The order of two values of one type.
pub(super) fn compare(a: &Value, b: &Value) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b))
        | (Value::Duration(a), Value::Duration(b))
        | (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Float(b)) => (*a as f64).partial_cmp(b),
        (Value::Float(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Str(a), Value::Str(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn indexed(base: Value, index: &Value, span: Span) -> Result<Value, Stop> {
    match (base, index) {
        (Value::List(items), Value::Int(n)) => {
            let at = if *n < 0 { n + items.len() as i64 } else { *n };
            let found = usize::try_from(at).ok().and_then(|at| items.get(at).cloned());
            found.ok_or_else(|| {
                Stop::Fault(
                    format!("there is no element {n} in a list of {}", items.len()),
                    span,
                )
            })
        }
        (Value::Map(fields), Value::Str(key)) => Ok(fields
            .into_iter()
            .find(|(known, _)| known == key)
            .map_or(Value::Null, |(_, value)| value)),
        _ => Err(Stop::Silent),
    }
}

fn unary(op: UnaryOp, a: Value, span: Span) -> Result<Value, Stop> {
    let overflow = || Stop::Fault("the number does not fit into 64 bits".into(), span);
    Ok(match (op, a) {
        (UnaryOp::IsNull, a) => Value::Bool(a == Value::Null),
        (UnaryOp::Not, Value::Bool(b)) => Value::Bool(!b),
        (UnaryOp::Neg, Value::Int(n)) => Value::Int(n.checked_neg().ok_or_else(overflow)?),
        (UnaryOp::Neg, Value::Duration(n)) => Value::Duration(n.checked_neg().ok_or_else(overflow)?),
        (UnaryOp::Neg, Value::Float(x)) => Value::Float(-x),
        _ => return Err(Stop::Silent),
    })
}

fn binary(op: BinaryOp, a: Value, b: Value, span: Span) -> Result<Value, Stop> {
    use std::cmp::Ordering;
    let ordered = |test: fn(Ordering) -> bool| {
        compare(&a, &b)
            .map(|order| Value::Bool(test(order)))
            .ok_or(Stop::Silent)
    };
    match op {
        BinaryOp::Eq => return Ok(Value::Bool(a == b)),
        BinaryOp::Ne => return Ok(Value::Bool(a != b)),
        BinaryOp::Lt => return ordered(Ordering::is_lt),
        BinaryOp::Le => return ordered(Ordering::is_le),
        BinaryOp::Gt => return ordered(Ordering::is_gt),
        BinaryOp::Ge => return ordered(Ordering::is_ge),
        BinaryOp::In => {
            return Ok(Value::Bool(match (&a, &b) {
                (_, Value::List(items)) => items.contains(&a),
                (Value::Str(key), Value::Map(fields)) => fields.iter().any(|(known, _)| known == key),
                (Value::Str(part), Value::Str(text)) => text.contains(part.as_str()),
                _ => return Err(Stop::Silent),
            }));
        }
        _ => {}
    }
    arithmetic(op, a, b, span)
}

/// Sums and products; overflow and division by zero fail.
pub(super) fn arithmetic(op: BinaryOp, a: Value, b: Value, span: Span) -> Result<Value, Stop> {
    let overflow = || Stop::Fault("the number does not fit into 64 bits".into(), span);
    let integer = |a: i64, b: i64| -> Result<i64, Stop> {
        if b == 0 && matches!(op, BinaryOp::Div | BinaryOp::Rem) {
            return Err(Stop::Fault("division by zero".into(), span));
        }
        match op {
            BinaryOp::Add => a.checked_add(b),
            BinaryOp::Sub => a.checked_sub(b),
            BinaryOp::Mul => a.checked_mul(b),
            BinaryOp::Div => a.checked_div(b),
            _ => a.checked_rem(b),
        }
        .ok_or_else(overflow)
    };
    Ok(match (a, b) {
        (Value::Int(a), Value::Int(b)) => Value::Int(integer(a, b)?),
        (Value::Duration(_), Value::Duration(0)) if op == BinaryOp::Div => {
            return Err(Stop::Fault("division by zero".into(), span));
        }
        (Value::Duration(a), Value::Duration(b)) if op == BinaryOp::Div => Value::Float(a as f64 / b as f64),
        (Value::Duration(a), Value::Duration(b) | Value::Int(b)) | (Value::Int(a), Value::Duration(b)) => {
            Value::Duration(integer(a, b)?)
        }
        (Value::Time(a), Value::Duration(b)) => Value::Time(integer(a, b)?),
        (Value::Time(a), Value::Time(b)) => Value::Duration(integer(a, b)?),
        (Value::Float(a), Value::Float(b)) => {
            let result = match op {
                BinaryOp::Add => a + b,
                BinaryOp::Sub => a - b,
                BinaryOp::Mul => a * b,
                BinaryOp::Div => a / b,
                _ => a % b,
            };
            if !result.is_finite() {
                return Err(Stop::Fault("the result is not a finite number".into(), span));
            }
            Value::Float(result)
        }
        (Value::Str(a), Value::Str(b)) => Value::Str(a + &b),
        (Value::List(mut a), Value::List(b)) => {
            a.extend(b);
            if a.len() > MAX_ITEMS {
                return Err(Stop::Fault("the list is too long".into(), span));
            }
            Value::List(a)
        }
        _ => return Err(Stop::Silent),
    })
}

/// A function value, if the expression is one.
fn closure_of(expr: &Expr, env: &Env) -> Option<Rc<Closure>> {
    match &expr.kind {
        ExprKind::Lambda(params, body) => Some(Rc::new(Closure {
            params: params.clone(),
            body: (**body).clone(),
            env: env.clone(),
        })),
        ExprKind::Local(id) => match env.value(*id) {
            Some(Bound::Function(closure)) => Some(Rc::clone(closure)),
            _ => None,
        },
        _ => None,
    }
}
