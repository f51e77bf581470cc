//! The reference of a file: what it offers, with the comments that stand above it and drawings of its flows. Made here
//! as pages of blocks (`flow` for what a flow has), written as Markdown or HTML, one file each.

mod flow;
mod html;
mod markdown;

pub use html::html;
pub use markdown::markdown;

use flow_diagnostics::{FileId, Span};
use flow_grammar::ast::{Item, Param, WorkerDecl};
use flow_grammar::parse;

use crate::Checked;
use crate::graph::GraphModel;

/// The reference of a file.
pub struct Reference {
    /// What the file is called.
    pub title: String,
    /// What there is to read, in order.
    pub blocks: Vec<Block>,
}

/// A part of a reference.
pub enum Block {
    /// A heading, from 2 for the largest below the title.
    Heading(u8, String),
    /// What a comment says, as Markdown.
    Text(String),
    /// Source.
    Source(String),
    /// A table: its heads and rows.
    Table(Vec<&'static str>, Vec<Vec<Cell>>),
    /// A drawing.
    Drawing(Box<GraphModel>),
}

/// A cell of a table.
pub enum Cell {
    /// Source: a name, a type, a value.
    Source(String),
    /// Words.
    Text(String),
}

/// The reference of the entry file of a program that has no errors.
pub fn reference(checked: &Checked, title: &str) -> Reference {
    let file = FileId(0);
    let text = checked.sources.text(file);
    let tree = parse(file, text).ast;
    let writer = Writer { checked };
    let mut blocks: Vec<_> = tree.doc.iter().map(|doc| Block::Text(doc.text.clone())).collect();
    let named = |wanted: OfKind| tree.items.iter().filter(move |item| wanted(item));
    for (heading, wanted) in SECTIONS {
        let of_kind: Vec<_> = named(*wanted).collect();
        if !of_kind.is_empty() {
            blocks.push(Block::Heading(2, (*heading).to_owned()));
        }
        for item in of_kind {
            writer.item(item, &mut blocks);
        }
    }
    Reference {
        title: title.to_owned(),
        blocks,
    }
}

/// Whether an item is of a kind.
type OfKind = fn(&Item) -> bool;

/// The kinds of items, in the order in which they are shown.
const SECTIONS: &[(&str, OfKind)] = &[
    ("Flows", |item| matches!(item, Item::Flow(_))),
    ("Workers", |item| matches!(item, Item::Worker(_))),
    ("Types", |item| matches!(item, Item::Type(_) | Item::Enum(_))),
    ("Functions", |item| matches!(item, Item::Fn(_))),
    ("Constants", |item| matches!(item, Item::Const(_))),
    ("Tests", |item| matches!(item, Item::Test(_))),
];

struct Writer<'c> {
    checked: &'c Checked,
}

impl Writer<'_> {
    fn item(&self, item: &Item, blocks: &mut Vec<Block>) {
        match item {
            Item::Flow(decl) => {
                let name = decl.name.name.as_str();
                let flow = self
                    .checked
                    .program
                    .flows
                    .iter()
                    .find(|flow| flow.name.text == name);
                blocks.push(Block::Heading(3, name.to_owned()));
                blocks.extend(decl.doc.iter().map(|doc| Block::Text(doc.text.clone())));
                if let Some(flow) = flow {
                    flow::flow(&self.checked.program, flow, blocks);
                }
            }
            Item::Worker(decl) => self.worker(decl, blocks),
            Item::Type(decl) => self.declaration(&decl.name.name, decl.doc.as_ref(), decl.span, blocks),
            Item::Enum(decl) => self.declaration(&decl.name.name, decl.doc.as_ref(), decl.span, blocks),
            Item::Const(decl) => self.declaration(&decl.name.name, decl.doc.as_ref(), decl.span, blocks),
            Item::Fn(decl) => {
                let head = Span::new(decl.span.file, decl.span.start, decl.result.span.end);
                self.declaration(&decl.name.name, decl.doc.as_ref(), head, blocks);
                self.params(&decl.params, blocks);
            }
            Item::Test(decl) => {
                let name = self.slice(decl.name.span);
                let name = name
                    .strip_prefix('"')
                    .and_then(|name| name.strip_suffix('"'))
                    .unwrap_or(&name);
                let text = format!("- {} (`{}`)", name.replace("\\\"", "\""), decl.flow.name);
                blocks.push(Block::Text(text));
            }
            Item::Import(_) | Item::Error(_) => {}
        }
    }

    fn declaration(
        &self,
        name: &str,
        doc: Option<&flow_grammar::ast::Doc>,
        span: Span,
        blocks: &mut Vec<Block>,
    ) {
        blocks.push(Block::Heading(3, name.to_owned()));
        blocks.extend(doc.map(|doc| Block::Text(doc.text.clone())));
        blocks.push(Block::Source(self.slice(span)));
    }

    fn worker(&self, decl: &WorkerDecl, blocks: &mut Vec<Block>) {
        let head = Span::new(decl.span.file, decl.span.start, decl.protocol.span.end);
        self.declaration(&decl.name.name, decl.doc.as_ref(), head, blocks);
        self.params(&decl.params, blocks);
        if !decl.options.is_empty() {
            let options = decl
                .options
                .iter()
                .map(|option| vec![Cell::Source(self.slice(option.span))]);
            blocks.push(Block::Table(vec!["Option"], options.collect()));
        }
    }

    fn params(&self, params: &[Param], blocks: &mut Vec<Block>) {
        if params.is_empty() {
            return;
        }
        let rows = params.iter().map(|param| {
            let doc = param
                .doc
                .as_ref()
                .map_or_else(String::new, |doc| doc.text.clone());
            vec![Cell::Source(self.slice(param.span)), Cell::Text(doc)]
        });
        blocks.push(Block::Table(vec!["Parameter", "Meaning"], rows.collect()));
    }

    fn slice(&self, span: Span) -> String {
        self.checked.sources.slice(span).to_owned()
    }
}
