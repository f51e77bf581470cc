//! What a flow has, in tables: its input, state, configuration, limits, events and nodes; and its drawing.

use flow_bytecode::Schedule;

use super::{Block, Cell};
use crate::graph::GraphModel;
use crate::hir::flow::{Field, Flow, Node, NodeKind, Reducer};
use crate::hir::{ConstValue, Param, Program};
use crate::schema;
use crate::types::{Ty, show};

pub(super) fn flow(program: &Program, flow: &Flow, blocks: &mut Vec<Block>) {
    let writer = Writer { program, flow };
    blocks.push(Block::Source(writer.signature()));
    blocks.push(Block::Drawing(Box::new(GraphModel::new(program, flow, 0))));
    let mut table = |heads: &[&'static str], rows: Vec<Vec<Cell>>| {
        if !rows.is_empty() {
            blocks.push(Block::Table(heads.to_vec(), rows));
        }
    };
    let params = |params: &[Param]| params.iter().map(|param| writer.param(param)).collect();
    table(&["Input", "Type", "Default", "Meaning"], params(&flow.params));
    table(
        &["Configuration", "Type", "Default", "Meaning"],
        params(&flow.config),
    );
    let fields = flow.fields.iter().map(|field| writer.field(field)).collect();
    table(&["State", "Type", "Reducer", "Start", "Meaning"], fields);
    let nodes = flow.nodes.iter().map(|node| writer.node(node)).collect();
    table(&["Node", "Kind", "Does", "Meaning"], nodes);
    let events = flow.events.iter().map(|event| {
        let ty = event.ty.map_or_else(String::new, |ty| writer.ty(ty));
        vec![Cell::Source(event.name.text.clone()), Cell::Source(ty)]
    });
    table(&["Event", "Carries"], events.collect());
    let limits = flow.limits.iter().map(|limit| {
        let name = limit.name.text.as_str();
        let value = match name {
            "time" | "age" => schema::duration(limit.value),
            "state" => format!("{} bytes", limit.value),
            _ => limit.value.to_string(),
        };
        vec![Cell::Source(name.to_owned()), Cell::Text(value)]
    });
    table(&["Limit", "Is"], limits.collect());
}

struct Writer<'p> {
    program: &'p Program,
    flow: &'p Flow,
}

impl Writer<'_> {
    fn signature(&self) -> String {
        let params = self.flow.params.iter().map(|param| {
            let more = if param.default.is_some() { " = …" } else { "" };
            format!("{}: {}{more}", param.name.text, self.ty(param.ty))
        });
        let params: Vec<_> = params.collect();
        let result = self
            .flow
            .result
            .as_ref()
            .map_or_else(String::new, |result| format!(" -> {}", self.ty(result.ty)));
        format!("flow {}({}){result}", self.flow.name.text, params.join(", "))
    }

    fn ty(&self, ty: Ty) -> String {
        show(&self.program.types, ty)
    }

    fn param(&self, param: &Param) -> Vec<Cell> {
        vec![
            Cell::Source(param.name.text.clone()),
            Cell::Source(self.ty(param.ty)),
            Cell::Source(value(param.default.as_ref())),
            Cell::Text(param.doc.clone().unwrap_or_default()),
        ]
    }

    fn field(&self, field: &Field) -> Vec<Cell> {
        let reducer = match field.reducer {
            Reducer::LastValue => "",
            Reducer::Append => "append",
            Reducer::Merge => "merge",
            Reducer::Add => "add",
            Reducer::Min => "min",
            Reducer::Max => "max",
            Reducer::AddMessages => "add_messages",
            Reducer::Custom(function) => self.program.fns[function.index()].name.text.as_str(),
        };
        let marks = [(field.ephemeral, "ephemeral"), (field.external, "external")];
        let marks: Vec<_> = marks
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, mark)| mark)
            .collect();
        let doc = field.doc.clone().unwrap_or_default();
        let doc = [marks.join(", "), doc]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>();
        vec![
            Cell::Source(field.name.text.clone()),
            Cell::Source(self.ty(field.ty)),
            Cell::Source(reducer.to_owned()),
            Cell::Source(value(field.start.as_ref())),
            Cell::Text(doc.join(": ")),
        ]
    }

    fn node(&self, node: &Node) -> Vec<Cell> {
        let worker = |worker: crate::hir::WorkerRef| self.program.workers[worker.index()].name.text.clone();
        let (kind, does) = match &node.kind {
            NodeKind::Error => ("", String::new()),
            NodeKind::Task(call) => ("task", worker(call.worker)),
            NodeKind::Agent(agent) => ("agent", worker(agent.call.worker)),
            NodeKind::Transform => ("transform", String::new()),
            NodeKind::Route(_) => ("route", String::new()),
            NodeKind::Send(groups) => {
                let names = groups
                    .iter()
                    .map(|each| self.flow.nodes[each.node.index()].name.text.as_str());
                ("send", names.collect::<Vec<_>>().join(", "))
            }
            NodeKind::Subgraph { flow, .. } => {
                ("subgraph", self.program.flows[flow.index()].name.text.clone())
            }
            NodeKind::Interrupt { .. } => ("interrupt", String::new()),
            NodeKind::Wait(_) => ("wait", String::new()),
        };
        let kind = match node.schedule {
            Schedule::Normal => kind.to_owned(),
            Schedule::Deferred => format!("defer {kind}"),
            Schedule::Finally => format!("finally {kind}"),
            Schedule::Standing => format!("standing {kind}"),
        };
        vec![
            Cell::Source(node.name.text.clone()),
            Cell::Text(kind),
            Cell::Source(does),
            Cell::Text(node.doc.clone().unwrap_or_default()),
        ]
    }
}

fn value(value: Option<&ConstValue>) -> String {
    value
        .and_then(schema::constant)
        .map_or_else(String::new, |json| json.to_string())
}
