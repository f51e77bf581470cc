//! The options of workers: which protocol knows which, and what their values become. The host reads them by
//! the names that are written here: `method` and `path` of an HTTP request, `op` of the store, and the rest as
//! they are in the source.

use std::collections::BTreeMap;

use flow_bytecode::Protocol;
use flow_diagnostics::codes::workers as codes;
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, Entry, ExprKind as Ast, Key, LitKind, OptionValue, StrPart, WorkerOption};

use super::{Cx, Lower, clauses, name};
use crate::hir::expr::{Expr, ExprKind};
use crate::hir::{ConstValue, Name, Worker};
use crate::names::nearest;
use crate::types::TyKind;

/// What an option's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// A text, possibly with a secret in it.
    Text,
    /// Anything; records and lists may hold secrets.
    Any,
    /// A request: the method is the option's name, the value its path.
    Request,
    /// Status codes.
    Expect,
    Int,
    Float,
    /// The name alone, or `true` or `false`.
    Flag,
    /// A list of texts.
    Words,
    /// One of these names.
    OneOf(&'static [&'static str]),
    /// The name alone is what is to be done.
    Op,
    Messages,
    /// `tags`, `timeout`, `attempts`, `retry`, `once`, `readonly`: kept apart.
    Common,
}

/// Options of all protocols.
const COMMON: &[&str] = &["tags", "timeout", "attempts", "retry", "once", "readonly"];

fn known(protocol: Protocol) -> &'static [(&'static str, Value)] {
    use Value::{Any, Expect, Flag, Float, Int, Messages, OneOf, Op, Request, Text, Words};
    match protocol {
        Protocol::Webhook => &[("headers", Any)],
        Protocol::Http => &[
            ("get", Request),
            ("post", Request),
            ("put", Request),
            ("patch", Request),
            ("delete", Request),
            ("query", Any),
            ("body", Any),
            ("expect", Expect),
            ("headers", Any),
        ],
        Protocol::OpenaiChat => &[
            ("model", Text),
            ("system", Text),
            ("prompt", Text),
            ("messages", Messages),
            ("temperature", Float),
            ("max_tokens", Int),
            ("stream", Flag),
            ("headers", Any),
        ],
        Protocol::ApiChat | Protocol::A2a => &[("prompt", Text), ("version", Text), ("headers", Any)],
        Protocol::Mcp => &[("tool", Text), ("headers", Any)],
        Protocol::Mqtt => &[("topic", Text), ("reply_topic", Text), ("qos", Int)],
        Protocol::RedisStream => &[("stream", Text), ("reply_stream", Text)],
        Protocol::Exec => &[
            ("command", Words),
            ("env", Any),
            ("stdin", OneOf(&["args", "none"])),
            ("cwd", Text),
        ],
        Protocol::Store => &[
            ("get", Op),
            ("put", Op),
            ("list", Op),
            ("delete", Op),
            ("namespace", Text),
            ("key", Text),
        ],
    }
}

impl Lower<'_> {
    pub(super) fn options(
        &mut self,
        cx: &mut Cx,
        decl: &ast::WorkerDecl,
        protocol: Protocol,
        worker: &mut Worker,
    ) {
        let table = known(protocol);
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for option in &decl.options {
            let kind = if COMMON.contains(&option.name.name.as_str()) {
                Some(Value::Common)
            } else {
                table
                    .iter()
                    .find(|(known, _)| *known == option.name.name)
                    .map(|(_, kind)| *kind)
            };
            let Some(kind) = kind else {
                self.unknown_option(&decl.protocol, &option.name, table);
                continue;
            };
            let slot = match kind {
                Value::Request => "method",
                Value::Op => "op",
                _ => option.name.name.as_str(),
            };
            if let Some(first) = seen.insert(slot, option.name.span) {
                self.report(
                    Diagnostic::new(codes::OPTION_VALUE, format!("`{}` is given twice", option.name))
                        .primary(option.name.span, "again here")
                        .label(first, "first here"),
                );
                continue;
            }
            if kind == Value::Common {
                self.common_option(cx, option, worker);
            } else {
                self.option(cx, option, kind, worker);
            }
        }
        let missing = match protocol {
            Protocol::Http if !seen.contains_key("method") => Some("get \"/path\""),
            Protocol::Store if !seen.contains_key("op") => Some("get"),
            _ => None,
        };
        if let (Some(missing), true, false) = (missing, worker.tags.is_empty(), self.broken(decl.span)) {
            let message = format!("`{}` needs to know what to do", decl.protocol);
            self.error(codes::MISSING_OPTION, decl.protocol.span, message, "")
                .help = Some(format!("write, for instance, {{ {missing} }}"));
        }
    }

    /// Lowers options of an unknown protocol for what is wrong inside of them.
    pub(super) fn options_blindly(&mut self, cx: &mut Cx, decl: &ast::WorkerDecl) {
        for option in &decl.options {
            if let (OptionValue::Expr(value), false) =
                (&option.value, COMMON.contains(&option.name.name.as_str()))
            {
                self.loose(cx, value);
            }
        }
    }

    fn unknown_option(
        &mut self,
        protocol: &ast::Ident,
        option: &ast::Ident,
        table: &[(&'static str, Value)],
    ) {
        let all: Vec<&str> = table
            .iter()
            .map(|(known, _)| *known)
            .chain(COMMON.iter().copied())
            .collect();
        let mut diagnostic = Diagnostic::new(
            codes::UNKNOWN_OPTION,
            format!("`{protocol}` has no option `{option}`"),
        )
        .primary(option.span, "unknown");
        diagnostic = match nearest(&option.name, all.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("write `{near}`"),
                option.span,
                near,
            ),
            None => diagnostic.help(format!("it has {}", all.join(", "))),
        };
        self.report(diagnostic);
    }

    fn common_option(&mut self, cx: &mut Cx, option: &WorkerOption, worker: &mut Worker) {
        let span = option.span;
        match (option.name.name.as_str(), &option.value) {
            ("once", OptionValue::None) => worker.once = true,
            ("readonly", OptionValue::None) => worker.readonly = true,
            ("timeout", OptionValue::Expr(value)) => worker.timeout = self.known_duration(cx, value),
            ("attempts", OptionValue::Attempts(attempts)) => {
                let on = worker.retry.take().and_then(|retry| retry.on);
                worker.retry = self
                    .attempts(cx, attempts)
                    .map(|retry| crate::hir::flow::Retry { on, ..retry });
            }
            ("retry", OptionValue::RetryOn(classes)) => {
                let on = Some(self.error_classes(classes));
                let retry = worker.retry.take().unwrap_or_else(|| clauses::one_attempt(span));
                worker.retry = Some(crate::hir::flow::Retry { on, ..retry });
            }
            ("tags", OptionValue::Expr(value)) => worker.tags = self.tags(value),
            (name, _) => {
                let help = match name {
                    "once" | "readonly" => format!("write `{name}` alone"),
                    "timeout" => "write a duration: timeout 20s".into(),
                    "tags" => "write a list of names: tags [reviewer, rust]".into(),
                    _ => "write, for instance: attempts 3 backoff 500ms..10s".to_string(),
                };
                self.error(
                    codes::OPTION_VALUE,
                    span,
                    format!("`{name}` has another form"),
                    "",
                )
                .help = Some(help);
            }
        }
    }

    fn tags(&mut self, value: &ast::Expr) -> Vec<Name> {
        let mut tags = Vec::new();
        if let Ast::List(items) = &value.unparen().kind {
            for item in items {
                match &item.unparen().kind {
                    Ast::Name(tag) => tags.push(name(tag)),
                    Ast::Str(text) if text.plain().is_some() => {
                        let text_value = text.plain().unwrap_or_default().to_string();
                        tags.push(Name {
                            text: text_value,
                            span: text.span,
                        });
                    }
                    _ => {
                        self.error(codes::OPTION_VALUE, item.span, "a tag is a name", "");
                    }
                }
            }
        } else {
            self.error(codes::OPTION_VALUE, value.span, "tags are a list of names", "")
                .help = Some("write tags [reviewer, rust]".into());
        }
        tags
    }

    fn option(&mut self, cx: &mut Cx, option: &WorkerOption, kind: Value, worker: &mut Worker) {
        let key = |text: &str| Name {
            text: text.to_string(),
            span: option.name.span,
        };
        let constant = |lower: &Self, value: ConstValue, span: Span| {
            let ty = if matches!(value, ConstValue::Bool(_)) {
                lower.prim.bool
            } else {
                lower.prim.string
            };
            Expr {
                kind: ExprKind::Const(value),
                ty,
                span,
            }
        };
        match (kind, &option.value) {
            (Value::Op, OptionValue::None) => {
                let op = constant(self, ConstValue::Str(option.name.name.clone()), option.name.span);
                worker.options.push((key("op"), op));
            }
            (Value::Flag, OptionValue::None) => {
                let on = constant(self, ConstValue::Bool(true), option.name.span);
                worker.options.push((key(&option.name.name), on));
            }
            (Value::Expect, OptionValue::Expect(pattern)) => {
                if let Some(text) = self.expect(pattern) {
                    let value = constant(self, ConstValue::Str(text), pattern.span);
                    worker.options.push((key("expect"), value));
                }
            }
            (Value::Request, OptionValue::Expr(value)) => {
                let method = constant(self, ConstValue::Str(option.name.name.clone()), option.name.span);
                worker.options.push((key("method"), method));
                let path = self.path(cx, value);
                worker.options.push((key("path"), path));
            }
            (Value::OneOf(words), OptionValue::Expr(value)) => match &value.unparen().kind {
                Ast::Name(word) if words.contains(&word.name.as_str()) => {
                    let value = constant(self, ConstValue::Str(word.name.clone()), value.span);
                    worker.options.push((key(&option.name.name), value));
                }
                _ => {
                    let list: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                    let message = format!("`{}` is {}", option.name, list.join(" or "));
                    self.error(codes::OPTION_VALUE, value.span, message, "");
                }
            },
            (_, OptionValue::Expr(value)) => {
                let value = self.option_value(cx, value, kind);
                worker.options.push((key(&option.name.name), value));
            }
            _ => {
                let message = format!("`{}` needs a value of another form", option.name);
                let help = match kind {
                    Value::Request => Some(format!("write a path: {} \"/search\"", option.name)),
                    Value::Op => Some(format!("write `{}` alone, and `key …` beside it", option.name)),
                    Value::Expect => Some("write status codes: expect 200 | 204, or 200..299".to_string()),
                    _ => None,
                };
                self.error(codes::OPTION_VALUE, option.span, message, "").help = help;
            }
        }
    }

    fn option_value(&mut self, cx: &mut Cx, value: &ast::Expr, kind: Value) -> Expr {
        match kind {
            Value::Text => {
                let lowered = self.expr(cx, value, Some(self.prim.string));
                let ok = matches!(
                    self.kind(self.core(lowered.ty)),
                    TyKind::String | TyKind::Secret | TyKind::Error
                );
                if ok {
                    return lowered;
                }
                self.fit(cx, lowered, self.prim.string)
            }
            Value::Int => {
                let want = self.nullable(self.prim.int);
                self.check(cx, value, want)
            }
            Value::Float => {
                let want = self.nullable(self.prim.float);
                self.check(cx, value, want)
            }
            Value::Flag => self.check(cx, value, self.prim.bool),
            Value::Words => {
                let Ast::List(items) = &value.unparen().kind else {
                    let want = self.list_of(self.prim.string);
                    return self.check(cx, value, want);
                };
                let items: Vec<Expr> = items
                    .iter()
                    .map(|item| self.option_value(cx, item, Value::Text))
                    .collect();
                let ty = self.list_of(self.prim.string);
                Expr {
                    kind: ExprKind::List(items),
                    ty,
                    span: value.span,
                }
            }
            _ => self.loose(cx, value),
        }
    }

    /// A value whose records and lists may hold anything, secrets too: it goes to the host as it is.
    fn loose(&mut self, cx: &mut Cx, value: &ast::Expr) -> Expr {
        let span = value.span;
        match &value.unparen().kind {
            Ast::List(items) => {
                let items = items.iter().map(|item| self.loose(cx, item)).collect();
                Expr {
                    kind: ExprKind::List(items),
                    ty: self.prim.json,
                    span,
                }
            }
            Ast::Record(entries) if entries.iter().all(plain_entry) => {
                let mut fields: Vec<(String, Expr)> = Vec::new();
                for entry in entries {
                    let Entry::Field { key, value, span } = entry else {
                        continue;
                    };
                    let (text, short) = match key {
                        Key::Name(name) => (name.name.clone(), Some(name)),
                        Key::Str(text) => (text.plain().unwrap_or_default().to_string(), None),
                        Key::Computed(_) => continue,
                    };
                    let value = match (value, short) {
                        (Some(value), _) => self.loose(cx, value),
                        (None, Some(name)) => {
                            let written = ast::Expr {
                                kind: Ast::Name(name.clone()),
                                span: name.span,
                            };
                            self.expr(cx, &written, None)
                        }
                        (None, None) => self.wrong(*span),
                    };
                    if fields.iter().any(|(known, _)| *known == text) {
                        self.error(codes::OPTION_VALUE, *span, format!("`{text}` stands twice"), "");
                        continue;
                    }
                    fields.push((text, value));
                }
                let shape = fields
                    .iter()
                    .map(|(name, value)| (name.clone(), value.ty))
                    .collect();
                let ty = self.record_of(shape);
                Expr {
                    kind: ExprKind::Record(fields),
                    ty,
                    span,
                }
            }
            _ => self.expr(cx, value, None),
        }
    }

    /// A path: what is shown in it is a value of its own, which the host encodes.
    fn path(&mut self, cx: &mut Cx, value: &ast::Expr) -> Expr {
        let Ast::Str(text) = &value.unparen().kind else {
            return self.check(cx, value, self.prim.string);
        };
        if text.plain().is_some() {
            return self.string(cx, text);
        }
        let mut parts = Vec::new();
        for part in &text.parts {
            match part {
                StrPart::Text(text, span) => {
                    let kind = ExprKind::Const(ConstValue::Str(text.clone()));
                    parts.push(Expr {
                        kind,
                        ty: self.prim.string,
                        span: *span,
                    });
                }
                StrPart::Expr(written) => {
                    let shown = self.expr(cx, written, None);
                    let span = shown.span;
                    let ty = self.record_of(vec![("value".into(), self.prim.string)]);
                    let text = Expr {
                        ty: self.prim.string,
                        kind: ExprKind::Interpolate(vec![shown]),
                        span,
                    };
                    parts.push(Expr {
                        kind: ExprKind::Record(vec![("value".into(), text)]),
                        ty,
                        span,
                    });
                }
            }
        }
        Expr {
            kind: ExprKind::List(parts),
            ty: self.prim.json,
            span: text.span,
        }
    }

    /// Status codes as the host reads them: `200`, `200..299`, several with `|` between.
    fn expect(&mut self, pattern: &ast::Pattern) -> Option<String> {
        let code = |literal: LitKind| match literal {
            LitKind::Int(code) if (100..600).contains(&code) => Some(code),
            _ => None,
        };
        let text = match &pattern.kind {
            ast::PatternKind::Literal(literal) => code(*literal).map(|code| code.to_string()),
            ast::PatternKind::Range { from, to } => {
                let from = from.map_or(Some(100), |from| code(from.kind));
                let to = to.map_or(Some(599), |to| code(to.kind));
                from.zip(to).map(|(from, to)| format!("{from}..{to}"))
            }
            ast::PatternKind::Or(all) => {
                let all: Option<Vec<String>> = all.iter().map(|one| self.expect(one)).collect();
                return all.map(|all| all.join("|"));
            }
            ast::PatternKind::Error => return None,
            _ => None,
        };
        if text.is_none() {
            self.error(
                codes::OPTION_VALUE,
                pattern.span,
                "a status code is a number from 100 to 599",
                "",
            )
            .help = Some("write expect 200, 200 | 204, or 200..299".into());
        }
        text
    }
}

fn plain_entry(entry: &Entry) -> bool {
    match entry {
        Entry::Field {
            key: Key::Str(text), ..
        } => text.plain().is_some(),
        Entry::Field {
            key: Key::Name(_), ..
        } => true,
        _ => false,
    }
}
