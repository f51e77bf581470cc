//! Calls, and chains of fields, indices and calls behind dots.

use flow_grammar::ast::{Arg, Expr, ExprKind, Ident};

use super::Formatter;
use super::doc::{Doc, DocId, cat};
use super::expr::hugs;
use super::sequence::{Row, Style};

/// One step of a chain.
enum Link<'e> {
    Field { name: &'e Ident, optional: bool },
    Index(&'e Expr),
    Call(&'e [Arg]),
}

/// `.name` with the indices and calls directly behind it.
struct Segment {
    /// All but the arguments of its last call.
    head: DocId,
    /// The arguments of its last call, where it ends in one.
    args: Option<DocId>,
    /// Whether the arguments can stay open at the end of a line.
    hugs: bool,
    /// Comments before it, and the line break between.
    gap: Vec<DocId>,
}

impl Formatter<'_> {
    pub(super) fn chain(&mut self, expr: &Expr) -> DocId {
        let (base, links) = links(expr);
        let mut start = self.expr(base);
        let mut end = base.span.end;
        let mut segments: Vec<Segment> = Vec::new();
        for (link, link_end) in links {
            match link {
                Link::Field { name, optional } => {
                    let mut gap = Vec::new();
                    self.gap(end, name.span.start, &mut gap);
                    let head = cat!(self; if optional { "?." } else { "." }, self.source(name.span));
                    segments.push(Segment {
                        head,
                        args: None,
                        hugs: false,
                        gap,
                    });
                }
                Link::Index(index) => {
                    let index = cat!(self; "[", self.expr(index), "]");
                    self.attach(&mut start, &mut segments, index, None);
                }
                Link::Call(args) => {
                    let doc = self.args(end, args);
                    self.attach(&mut start, &mut segments, doc, Some(last_hugs(args)));
                }
            }
            end = link_end;
        }
        self.chain_doc(start, segments)
    }

    /// Puts an index or arguments behind the last segment, or behind the start where there is none.
    fn attach(&mut self, start: &mut DocId, segments: &mut [Segment], doc: DocId, call: Option<bool>) {
        let Some(segment) = segments.last_mut() else {
            *start = self.docs.concat(&[*start, doc]);
            return;
        };
        segment.head = self
            .docs
            .concat(&[segment.head, segment.args.take().unwrap_or(super::doc::Docs::NIL)]);
        match call {
            Some(hugs) => (segment.args, segment.hugs) = (Some(doc), hugs),
            None => segment.head = self.docs.concat(&[segment.head, doc]),
        }
    }

    fn chain_doc(&mut self, start: DocId, segments: Vec<Segment>) -> DocId {
        let has_comments = segments.iter().any(|segment| !segment.gap.is_empty());
        let calls = segments.iter().filter(|segment| segment.args.is_some()).count();
        if calls < 2 && !has_comments {
            let mut parts = vec![start];
            for segment in segments {
                parts.extend([segment.head].into_iter().chain(segment.args));
            }
            return self.docs.concat(&parts);
        }
        let mut flat = vec![start];
        let mut broken = vec![start];
        let mut attached = !has_comments;
        let last = segments.len() - 1;
        let mut hug = None;
        let mut rest = Vec::new();
        for (at, segment) in segments.into_iter().enumerate() {
            attached &= segment.args.is_none();
            let whole = self
                .docs
                .concat(&[segment.head, segment.args.unwrap_or(super::doc::Docs::NIL)]);
            if attached {
                broken.push(whole);
            } else {
                rest.extend(segment.gap);
                rest.push(self.docs.add(Doc::Soft));
                rest.push(whole);
            }
            match segment.args {
                Some(args) if at == last && segment.hugs => {
                    flat.push(segment.head);
                    hug = Some(args);
                }
                _ => flat.push(whole),
            }
        }
        let rest = self.docs.concat(&rest);
        broken.push(self.docs.indent(rest));
        let broken = self.docs.concat(&broken);
        match hug {
            Some(last) if !has_comments => {
                let head = self.docs.concat(&flat);
                self.docs.add(Doc::Hug {
                    head,
                    last,
                    tail: super::doc::Docs::NIL,
                    other: broken,
                })
            }
            _ => self.docs.group(broken),
        }
    }

    /// Arguments in brackets: the first `(` at or behind `from`.
    pub(super) fn args(&mut self, from: u32, args: &[Arg]) -> DocId {
        let docs: Vec<DocId> = args.iter().map(|arg| self.arg(arg)).collect();
        let rows: Vec<Row> = args
            .iter()
            .zip(&docs)
            .map(|(arg, doc)| Row::new(arg.span, *doc))
            .collect();
        let open = self.find(from, b'(');
        let close = self.find(args.last().map_or(open, |arg| arg.span.end), b')');
        let commented = self.has_comment(open, close);
        let other = self.bracketed(open, Style::Arguments, rows);
        if commented || !last_hugs(args) {
            return other;
        }
        let Some((last, before)) = docs.split_last() else {
            return other;
        };
        let mut head = vec![self.docs.text("(")];
        for doc in before {
            head.push(*doc);
            head.push(self.docs.text(", "));
        }
        let head = self.docs.concat(&head);
        let tail = self.docs.text(")");
        self.docs.add(Doc::Hug {
            head,
            last: *last,
            tail,
            other,
        })
    }

    fn arg(&mut self, arg: &Arg) -> DocId {
        match &arg.name {
            Some(name) => {
                let head = cat!(self; self.source(name.span), ":");
                self.value(head, &arg.value)
            }
            None => self.expr(&arg.value),
        }
    }
}

/// Whether the last argument can stay open at the end of the line on which the brackets open.
fn last_hugs(args: &[Arg]) -> bool {
    match args {
        [] => false,
        [only] => {
            hugs(&only.value) || matches!(only.value.kind, ExprKind::Call { .. }) && only.name.is_none()
        }
        [.., last] => hugs(&last.value) && !matches!(last.value.kind, ExprKind::Binary { .. }),
    }
}

/// What a chain begins with, and its steps with the end of each, from left to right.
fn links(expr: &Expr) -> (&Expr, Vec<(Link<'_>, u32)>) {
    let mut links = Vec::new();
    let mut next = expr;
    loop {
        let end = next.span.end;
        next = match &next.kind {
            ExprKind::Field { base, name, optional } => {
                links.push((
                    Link::Field {
                        name,
                        optional: *optional,
                    },
                    end,
                ));
                base
            }
            ExprKind::Index { base, index } => {
                links.push((Link::Index(index), end));
                base
            }
            ExprKind::Call { callee, args } => {
                links.push((Link::Call(args), end));
                callee
            }
            _ => break,
        };
    }
    links.reverse();
    (next, links)
}
