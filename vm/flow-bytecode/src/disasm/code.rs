//! Chunks and instructions as text.

use std::fmt::Write as _;

use super::Text;
use crate::image::{Chunk, Const, SourceSpan};
use crate::op::{BinaryOp, Op, Reg, UnaryOp};

impl Text<'_> {
    pub(super) fn chunk(&self, at: usize, chunk: &Chunk, out: &mut String) {
        let Chunk {
            name,
            params,
            registers,
            ..
        } = chunk;
        let _ = writeln!(
            out,
            "chunk c{at} {} ({params} of {registers} registers)",
            self.str(name.index())
        );
        let mut shown = None;
        for (at, op) in chunk.code.iter().enumerate() {
            let line = chunk.spans.get(at).and_then(|span| self.source_line(*span));
            if line.is_some() && line != shown {
                if let Some((file, number, text)) = line {
                    let _ = writeln!(out, "  ; {file}:{number}  {text}");
                }
                shown = line;
            }
            let _ = writeln!(out, "  {at:>4}  {}", self.op(op));
        }
    }

    /// File, line number and text of the line where a range begins.
    fn source_line(&self, span: SourceSpan) -> Option<(&str, usize, &str)> {
        let file = self.image.debug.files.get(span.file as usize)?;
        let before = file.text.get(..span.start as usize)?;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = file.text[start..].lines().next().unwrap_or_default();
        Some((&file.path, before.matches('\n').count() + 1, line.trim()))
    }

    fn op(&self, op: &Op) -> String {
        match *op {
            Op::Const { dst, value } => format!("r{dst} = {}", self.constant(value)),
            Op::Move { dst, src } => format!("r{dst} = r{src}"),
            Op::LoadField { dst, field } => format!("r{dst} = field {}", field.0),
            Op::LoadInput { dst, index } => format!("r{dst} = input {index}"),
            Op::LoadConfig { dst, index } => format!("r{dst} = config {index}"),
            Op::LoadRun { dst, what } => format!("r{dst} = run.{what:?}"),
            Op::LoadSecret { dst, name } => format!("r{dst} = secret.{}", self.str(name.index())),
            Op::Binary { op, dst, a, b } => format!("r{dst} = r{a} {} r{b}", sign(op)),
            Op::Unary { op, dst, a } => format!("r{dst} = {}", unary(op, a)),
            Op::IntToFloat { dst, a } => format!("r{dst} = float r{a}"),
            Op::ToText { dst, a } => format!("r{dst} = text r{a}"),
            Op::Concat { dst, first, count } => format!("r{dst} = concat {}", range(first, count)),
            Op::List { dst, first, count } => format!("r{dst} = list {}", range(first, count)),
            Op::Record { dst, shape, first } | Op::Variant { dst, shape, first } => {
                self.shaped(dst, shape.index(), first)
            }
            Op::Map { dst, first, count } => {
                format!("r{dst} = map {}", range(first, count.saturating_mul(2)))
            }
            Op::With {
                dst,
                base,
                name,
                value,
            } => {
                format!("r{dst} = r{base} with {}: r{value}", self.str(name.index()))
            }
            Op::Field {
                dst,
                base,
                name,
                hint,
            } => format!("r{dst} = r{base}.{} @{hint}", self.str(name.index())),
            Op::Index { dst, base, index } => format!("r{dst} = r{base}[r{index}]"),
            Op::IsVariant { dst, a, name } => format!("r{dst} = r{a} is {}", self.str(name.index())),
            other => self.action(&other),
        }
    }

    /// Calls, jumps, checks, and what acts on the state.
    fn action(&self, op: &Op) -> String {
        match *op {
            Op::Call {
                dst,
                chunk,
                first,
                count,
            } => format!("r{dst} = call c{} {}", chunk.0, range(first, count)),
            Op::CallValue {
                dst,
                callee,
                first,
                count,
            } => {
                format!("r{dst} = call r{callee} {}", range(first, count))
            }
            Op::Method {
                dst,
                method,
                first,
                count,
            } => {
                format!("r{dst} = .{} {}", method.name(), range(first, count))
            }
            Op::Closure {
                dst,
                chunk,
                first,
                count,
            } => {
                format!("r{dst} = fn c{} {}", chunk.0, range(first, count))
            }
            Op::Jump { to } => format!("jump {to}"),
            Op::JumpIfNot { cond, to } => format!("unless r{cond} jump {to}"),
            Op::JumpIfNull { a, to } => format!("if r{a} is null jump {to}"),
            Op::Cast { dst, a, ty } => format!("r{dst} = r{a} as {}", self.ty(ty)),
            Op::CheckRefined { a, ty } => format!("check r{a}: {}", self.ty(ty)),
            Op::Ensure { cond, message } => format!("ensure r{cond} else r{message}"),
            Op::Fail { message } => format!("fail r{message}"),
            Op::Update {
                field,
                value,
                overwrite,
            } => {
                format!(
                    "field {} {} r{value}",
                    field.0,
                    if overwrite { ":=" } else { "<-" }
                )
            }
            Op::Emit { name, value } => format!("emit {} r{value}", self.str(name.index())),
            Op::Return { src } => format!("return r{src}"),
            other => format!("{other:?}"),
        }
    }

    fn shaped(&self, dst: Reg, shape: usize, first: Reg) -> String {
        let (tag, fields) = match self.image.consts.get(shape) {
            Some(Const::Record(fields)) => (String::new(), fields.as_slice()),
            Some(Const::Variant(tag, fields)) => (format!("{} ", self.str(tag.index())), fields.as_slice()),
            _ => ("? ".into(), &[][..]),
        };
        let one = |(at, (name, _)): (u16, &(crate::ids::StrId, _))| {
            format!("{}: r{}", self.str(name.index()), first.saturating_add(at))
        };
        let fields: Vec<_> = (0_u16..).zip(fields).map(one).collect();
        format!("r{dst} = {tag}{{ {} }}", fields.join(", "))
    }
}

fn range(first: Reg, count: u16) -> String {
    match count {
        0 => "()".into(),
        1 => format!("(r{first})"),
        _ => format!("(r{first}..r{})", first.saturating_add(count - 1)),
    }
}

fn unary(op: UnaryOp, a: Reg) -> String {
    match op {
        UnaryOp::Neg => format!("-r{a}"),
        UnaryOp::Not => format!("not r{a}"),
        UnaryOp::IsNull => format!("r{a} is null"),
    }
}

fn sign(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Rem => "%",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::In => "in",
    }
}
