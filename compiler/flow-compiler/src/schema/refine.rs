//! Refinements as keywords: ranges, lengths, patterns, choices. What has no keyword is said in words.

use flow_bytecode::{BinaryOp, Method};
use serde_json::{Value as Json, json};

use super::{Schema, value};
use crate::hir::ConstValue;
use crate::hir::expr::{Expr, ExprKind, LocalId};
use crate::types::RefinedTy;

/// Adds what the condition demands. Where a part of it has no keyword, the condition is added as a description.
pub(super) fn refine(schema: &mut Schema, refined: &RefinedTy) {
    let mut rest = false;
    for part in conjuncts(&refined.cond) {
        match keyword(part, schema) {
            Some((name, value)) => demand(schema, name, value),
            None => rest = true,
        }
    }
    if rest {
        let words = format!("where {}", refined.text);
        let words = match schema.get("description") {
            Some(Json::String(before)) => format!("{before}, {words}"),
            _ => words,
        };
        schema.insert("description".to_owned(), json!(words));
    }
}

/// Adds a keyword; one that stands already is not replaced.
fn demand(schema: &mut Schema, name: &str, value: Json) {
    if !schema.contains_key(name) {
        schema.insert(name.to_owned(), value);
        return;
    }
    let also = json!({ name: value });
    match schema.get_mut("allOf") {
        Some(Json::Array(all)) => all.push(also),
        _ => {
            schema.insert("allOf".to_owned(), json!([also]));
        }
    }
}

fn conjuncts(cond: &Expr) -> Vec<&Expr> {
    match &cond.kind {
        ExprKind::And(left, right) => [conjuncts(left), conjuncts(right)].concat(),
        _ => vec![cond],
    }
}

/// The keyword for one condition over `it`.
fn keyword(cond: &Expr, schema: &Schema) -> Option<(&'static str, Json)> {
    match &cond.kind {
        ExprKind::Binary(BinaryOp::In, item, list) if is_it(item) => Some(("enum", choices(list)?)),
        ExprKind::Binary(op, left, right) => {
            if let Some(constant) = constant(right) {
                return compare(*op, left, constant, schema);
            }
            compare(mirrored(*op)?, right, constant(left)?, schema)
        }
        ExprKind::Method(method, args) => match args.as_slice() {
            [it, part] if is_it(it) => pattern(*method, text(part)?),
            _ => None,
        },
        _ => None,
    }
}

/// The values of a list of constants.
fn choices(list: &Expr) -> Option<Json> {
    let values = match &list.kind {
        ExprKind::List(items) => items
            .iter()
            .map(|item| value::json(constant(item)?))
            .collect::<Option<Vec<_>>>()?,
        ExprKind::Const(ConstValue::List(items)) => {
            items.iter().map(value::json).collect::<Option<Vec<_>>>()?
        }
        _ => return None,
    };
    Some(Json::Array(values))
}

/// `it`, its length or a rest of it, against a constant.
fn compare(op: BinaryOp, left: &Expr, right: &ConstValue, schema: &Schema) -> Option<(&'static str, Json)> {
    let left = unwiden(left);
    if is_it(left) {
        let number = matches!(right, ConstValue::Int(_) | ConstValue::Float(_));
        let name = match op {
            BinaryOp::Eq => "const",
            BinaryOp::Ge if number => "minimum",
            BinaryOp::Gt if number => "exclusiveMinimum",
            BinaryOp::Le if number => "maximum",
            BinaryOp::Lt if number => "exclusiveMaximum",
            BinaryOp::Ne if *right == ConstValue::Str(String::new()) => return Some(("minLength", json!(1))),
            BinaryOp::Ne => return Some(("not", json!({ "const": value::json(right)? }))),
            _ => return None,
        };
        return Some((name, value::json(right)?));
    }
    match (&left.kind, right) {
        (ExprKind::Method(Method::Len, args), ConstValue::Int(count)) if args.first().is_some_and(is_it) => {
            length(op, *count, schema)
        }
        (ExprKind::Binary(BinaryOp::Rem, it, divisor), ConstValue::Int(0))
            if op == BinaryOp::Eq && is_it(it) =>
        {
            match constant(divisor)? {
                ConstValue::Int(divisor) if *divisor > 0 => Some(("multipleOf", json!(divisor))),
                _ => None,
            }
        }
        _ => None,
    }
}

fn length(op: BinaryOp, count: i64, schema: &Schema) -> Option<(&'static str, Json)> {
    let (least, most) = match schema.get("type").and_then(Json::as_str)? {
        "string" => ("minLength", "maxLength"),
        "array" => ("minItems", "maxItems"),
        "object" => ("minProperties", "maxProperties"),
        _ => return None,
    };
    let (name, count) = match op {
        BinaryOp::Ge => (least, count),
        BinaryOp::Gt => (least, count.checked_add(1)?),
        BinaryOp::Le => (most, count),
        BinaryOp::Lt => (most, count.checked_sub(1)?),
        BinaryOp::Ne if count == 0 => (least, 1),
        BinaryOp::Eq => return exact(least, count),
        _ => return None,
    };
    (count >= 0).then(|| (name, json!(count)))
}

/// A length that is given exactly.
fn exact(least: &'static str, count: i64) -> Option<(&'static str, Json)> {
    let most = least.replacen("min", "max", 1);
    (count >= 0).then(|| ("allOf", json!([{ least: count, most: count }])))
}

fn pattern(method: Method, part: &str) -> Option<(&'static str, Json)> {
    let pattern = match method {
        Method::Matches => part.to_owned(),
        Method::StartsWith => format!("^{}", escaped(part)),
        Method::EndsWith => format!("{}$", escaped(part)),
        Method::Contains => escaped(part),
        _ => return None,
    };
    Some(("pattern", json!(pattern)))
}

/// A text as the regular expression that finds it.
fn escaped(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if r"\^$.|?*+()[]{}".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

fn mirrored(op: BinaryOp) -> Option<BinaryOp> {
    Some(match op {
        BinaryOp::Eq | BinaryOp::Ne => op,
        BinaryOp::Lt => BinaryOp::Gt,
        BinaryOp::Le => BinaryOp::Ge,
        BinaryOp::Gt => BinaryOp::Lt,
        BinaryOp::Ge => BinaryOp::Le,
        _ => return None,
    })
}

fn is_it(expr: &Expr) -> bool {
    matches!(unwiden(expr).kind, ExprKind::Local(LocalId(0)))
}

fn unwiden(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Widen(inner) => inner,
        _ => expr,
    }
}

fn constant(expr: &Expr) -> Option<&ConstValue> {
    match &unwiden(expr).kind {
        ExprKind::Const(value) => Some(value),
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match constant(expr)? {
        ConstValue::Str(text) => Some(text),
        _ => None,
    }
}
