//! Flows: state, limits, joins and events. Nodes are in `node`, ways out in `target`.

use flow_bytecode as image;
use flow_bytecode::{ChunkId, JoinId, Limits, NodeId, Out};

use super::Generator;
use super::code::Frame;
use super::target::Around;
use crate::hir::FnRef;
use crate::hir::flow::{Field, Flow, Join, Limit, Reducer, Source};
use crate::start::{is_nullable, start_value, unrefined};
use crate::types::{Ty, TyKind};

impl<'p> Generator<'p> {
    pub(super) fn flow(&mut self, flow: &'p Flow) -> image::Flow {
        let name = self.text(&flow.name.text);
        let outs = self.outs(flow);
        let fields = flow.fields.iter().map(|field| self.field(field)).collect();
        let nodes = flow.nodes.iter().zip(outs.nodes);
        let nodes = nodes.map(|(node, outs)| self.node(flow, node, outs)).collect();
        let joins = flow.joins.iter().zip(outs.joins);
        let joins = joins.map(|(join, arrivals)| self.join(join, arrivals)).collect();
        let empty = Frame::default();
        let on_error = flow
            .on_error
            .as_ref()
            .map(|way| self.error_way(way, &flow.name.text, &empty));
        let events = flow.events.iter();
        let events = events.map(|event| (self.text(&event.name.text), event.ty.map(|ty| self.ty(ty))));
        let events = events.collect();
        let result = flow.result.as_ref();
        image::Flow {
            name,
            doc: self.doc(flow.doc.as_ref()),
            params: self.params(&flow.params),
            config: self.params(&flow.config),
            fields,
            nodes,
            entry: outs.entry,
            joins,
            limits: limits(&flow.limits),
            on_error,
            events,
            result: result.map(|e| self.value_chunk(&format!("{}.return", flow.name.text), &empty, e)),
            result_type: result.map(|e| self.ty(e.ty)),
            span: self.place(flow.name.span),
        }
    }

    fn field(&mut self, field: &'p Field) -> image::Field {
        image::Field {
            name: self.text(&field.name.text),
            ty: self.ty(field.ty),
            reducer: self.reducer(field),
            start: start_value(&self.program.types, field).map(|value| self.constant(&value)),
            ephemeral: field.ephemeral,
            external: field.external,
            doc: self.doc(field.doc.as_ref()),
            span: self.place(field.name.span),
        }
    }

    fn reducer(&self, field: &Field) -> image::Reducer {
        match field.reducer {
            Reducer::LastValue => image::Reducer::LastValue,
            Reducer::Append => image::Reducer::Append {
                item_first: self.holds_lists(field.ty),
            },
            Reducer::Merge => image::Reducer::Merge,
            Reducer::Add => image::Reducer::Add,
            Reducer::Min => image::Reducer::Min,
            Reducer::Max => image::Reducer::Max,
            Reducer::AddMessages => image::Reducer::AddMessages,
            Reducer::Custom(function) => image::Reducer::Custom {
                chunk: ChunkId(function.0),
                nullable_old: self.takes_null(function),
            },
        }
    }

    /// Whether an element of the list may itself be a list.
    fn holds_lists(&self, ty: Ty) -> bool {
        let types = &self.program.types;
        let TyKind::List(item) = types.kind(self.not_null(ty)) else {
            return false;
        };
        matches!(types.kind(self.not_null(*item)), TyKind::List(_) | TyKind::Json)
    }

    /// The type without null and conditions.
    fn not_null(&self, ty: Ty) -> Ty {
        let ty = unrefined(&self.program.types, ty);
        match self.program.types.kind(ty) {
            TyKind::Nullable(inner) => unrefined(&self.program.types, *inner),
            _ => ty,
        }
    }

    fn takes_null(&self, function: FnRef) -> bool {
        let params = &self.program.fns[function.index()].params;
        params
            .first()
            .is_some_and(|old| is_nullable(&self.program.types, old.ty))
    }

    fn join(&mut self, join: &'p Join, arrivals: Vec<Out>) -> image::Join {
        let frame = Frame::default();
        let around = Around {
            name: "join",
            frame: &frame,
            arm: None,
        };
        let targets = join
            .target
            .iter()
            .map(|target| Out::To(self.target(target, &around)));
        let target = targets.chain(arrivals).collect();
        let sources = join.sources.iter().map(|(source, _)| match source {
            Source::Node(node) => image::Source::Node(NodeId(node.0)),
            Source::Join(inner) => image::Source::Join(JoinId(*inner)),
        });
        image::Join {
            policy: join.policy,
            rest: join.rest,
            sources: sources.collect(),
            target,
            otherwise: join.otherwise.as_ref().map(|target| self.target(target, &around)),
            span: self.place(join.span),
        }
    }
}

/// Limits by name; the checks of names and values come before.
fn limits(written: &[Limit]) -> Limits {
    let mut limits = Limits::default();
    for limit in written {
        let count = Some(limit.value.unsigned_abs());
        match limit.name.text.as_str() {
            "steps" => limits.steps = count,
            "time" => limits.time = Some(limit.value),
            "age" => limits.age = Some(limit.value),
            "parallel" => limits.parallel = count,
            "tokens" => limits.tokens = count,
            "state" => limits.state = count,
            "depth" => limits.depth = count,
            other => unreachable!("limit {other} was let through"),
        }
    }
    limits
}
