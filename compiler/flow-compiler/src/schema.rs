//! JSON Schema (2020-12) of a checked program: of a type, of what a flow takes and returns, of a worker's arguments
//! and reply. Refinements become keywords where there is one (`refine`); declared records and enums stand once,
//! in `$defs`, so that recursive types are finite.

mod refine;
mod value;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::hir::flow::{Field, Flow};
use crate::hir::{ConstValue, Param, Program, Worker};
use crate::types::{EnumTy, FieldTy, RecordTy, Ty, TyKind};

/// Which schema language the schemas are written in.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of a type.
pub fn of_type(program: &Program, ty: Ty) -> Json {
    let mut writer = Writer::new(program);
    let schema = writer.named_root(ty);
    writer.document(schema)
}

/// What a flow takes: an object with its parameters.
pub fn of_input(program: &Program, flow: &Flow) -> Json {
    let mut writer = Writer::new(program);
    let mut schema = writer.params(&flow.params);
    describe(&mut schema, flow.doc.as_deref());
    writer.document(schema)
}

/// What a flow returns: its `return`, or its whole state.
pub fn of_output(program: &Program, flow: &Flow) -> Json {
    let mut writer = Writer::new(program);
    let schema = match &flow.result {
        Some(result) => writer.named_root(result.ty),
        None => writer.state(&flow.fields),
    };
    writer.document(schema)
}

/// What a worker is called with: an object with its parameters.
pub fn of_arguments(program: &Program, worker: &Worker) -> Json {
    let mut writer = Writer::new(program);
    let mut schema = writer.params(&worker.params);
    describe(&mut schema, worker.doc.as_deref());
    writer.document(schema)
}

/// What a worker must reply. Where the worker is generic, what depends on its type parameters is open.
pub fn of_reply(program: &Program, worker: &Worker) -> Json {
    of_type(program, worker.reply)
}

/// The schemas of what has this name in the entry file: of a type, `{input, output}` of a flow, `{arguments, reply}`
/// of a worker. `None` where nothing has.
pub fn of_name(program: &Program, name: &str) -> Option<Json> {
    if let Some((_, ty)) = program.named_types.iter().find(|(known, _)| known == name) {
        return Some(of_type(program, *ty));
    }
    if let Some(flow) = entry_flows(program).find(|flow| flow.name.text == name) {
        return Some(of_flow(program, flow));
    }
    let worker = program.workers.iter().find(|worker| worker.name.text == name)?;
    Some(of_worker(program, worker))
}

/// The schemas of all types and flows of the entry file and of all workers of the program, by kind and name.
pub fn of_program(program: &Program) -> Json {
    let types = program
        .named_types
        .iter()
        .map(|(name, ty)| (name.clone(), of_type(program, *ty)));
    let flows = entry_flows(program).map(|flow| (flow.name.text.clone(), of_flow(program, flow)));
    let workers = program
        .workers
        .iter()
        .map(|worker| (worker.name.text.clone(), of_worker(program, worker)));
    json!({
        "types": Json::Object(types.collect()),
        "flows": Json::Object(flows.collect()),
        "workers": Json::Object(workers.collect()),
    })
}

/// What [`of_name`] knows, in the order in which it looks.
pub fn names(program: &Program) -> Vec<&str> {
    let types = program.named_types.iter().map(|(name, _)| name.as_str());
    let flows = entry_flows(program).map(|flow| flow.name.text.as_str());
    let workers = program.workers.iter().map(|worker| worker.name.text.as_str());
    types.chain(flows).chain(workers).collect()
}

/// A constant as JSON; `None` for an instant, which no constant can be written as.
pub fn constant(constant: &ConstValue) -> Option<Json> {
    value::json(constant)
}

/// A duration in ISO 8601.
pub fn duration(nanos: i64) -> String {
    value::iso_duration(nanos)
}

fn entry_flows(program: &Program) -> impl Iterator<Item = &Flow> {
    program.flows.iter().take(program.entry_flows)
}

fn of_flow(program: &Program, flow: &Flow) -> Json {
    json!({ "input": of_input(program, flow), "output": of_output(program, flow) })
}

fn of_worker(program: &Program, worker: &Worker) -> Json {
    json!({ "arguments": of_arguments(program, worker), "reply": of_reply(program, worker) })
}

type Schema = Map<String, Json>;

/// A schema in the making, and the declared types that it needs.
struct Writer<'p> {
    program: &'p Program,
    /// The definitions by type; `None` while one is being made.
    defs: BTreeMap<Ty, (String, Option<Schema>)>,
}

impl<'p> Writer<'p> {
    fn new(program: &'p Program) -> Self {
        Self {
            program,
            defs: BTreeMap::new(),
        }
    }

    /// The whole document, with its definitions in the order of their names.
    fn document(self, schema: Schema) -> Json {
        let mut document = Schema::new();
        document.insert("$schema".to_owned(), json!(DIALECT));
        document.extend(schema);
        let defs: BTreeMap<String, Schema> = self
            .defs
            .into_values()
            .filter_map(|(name, schema)| Some((name, schema?)))
            .collect();
        if !defs.is_empty() {
            document.insert("$defs".to_owned(), json!(defs));
        }
        Json::Object(document)
    }

    /// The type that a document is about. It stands at the top, unless it refers to itself.
    fn named_root(&mut self, ty: Ty) -> Schema {
        let schema = self.ty(ty);
        let Some((name, Some(definition))) = self.defs.get(&ty) else {
            return schema;
        };
        let reference = reference(name);
        let definition = definition.clone();
        let recursive = self
            .defs
            .values()
            .any(|(_, def)| def.as_ref().is_some_and(|def| mentions(def, &reference)));
        if recursive {
            return schema;
        }
        self.defs.remove(&ty);
        definition
    }

    fn ty(&mut self, ty: Ty) -> Schema {
        let program = self.program;
        match program.types.kind(ty) {
            TyKind::Bool => typed("boolean"),
            TyKind::Int => typed("integer"),
            TyKind::Float => typed("number"),
            TyKind::String => typed("string"),
            TyKind::Null => typed("null"),
            TyKind::Duration => object(json!({ "type": "string", "format": "duration" })),
            TyKind::Time => object(json!({ "type": "string", "format": "date-time" })),
            TyKind::Secret => object(json!({ "type": "string", "writeOnly": true })),
            TyKind::Json | TyKind::Error | TyKind::Never | TyKind::Fn(..) | TyKind::Param(_) => Schema::new(),
            TyKind::List(item) => object(json!({ "type": "array", "items": self.ty(*item) })),
            TyKind::Map(value) => {
                object(json!({ "type": "object", "additionalProperties": self.ty(*value) }))
            }
            TyKind::Nullable(inner) => nullable(self.ty(*inner)),
            TyKind::Record(record) => match &record.name {
                Some(name) => self.define(ty, name, |writer| writer.record(record)),
                None => self.record(record),
            },
            TyKind::Enum(declared) => self.define(ty, &declared.name, |writer| writer.variants(declared)),
            TyKind::Refined(refined) => {
                let mut schema = self.ty(refined.base);
                if schema.contains_key("$ref") {
                    schema = object(json!({ "allOf": [schema] }));
                }
                refine::refine(&mut schema, refined);
                schema
            }
        }
    }

    /// A reference to a declared type, which is defined if it is not yet.
    fn define(&mut self, ty: Ty, name: &str, make: impl FnOnce(&mut Self) -> Schema) -> Schema {
        let name = name.split('<').next().unwrap_or(name); // without the arguments of a generic type
        if !self.defs.contains_key(&ty) {
            let taken = |wanted: &str| self.defs.values().any(|(known, _)| known == wanted);
            let mut unique = name.to_owned();
            let mut number = 1;
            while taken(&unique) {
                number += 1;
                unique = format!("{name} {number}");
            }
            self.defs.insert(ty, (unique.clone(), None));
            let mut schema = object(json!({ "title": name }));
            schema.extend(make(self));
            self.defs.insert(ty, (unique, Some(schema)));
        }
        let name = self.defs.get(&ty).map_or(name, |(name, _)| name);
        object(json!({ "$ref": reference(name) }))
    }

    fn record(&mut self, record: &RecordTy) -> Schema {
        self.fields(&record.fields)
    }

    fn fields(&mut self, fields: &[FieldTy]) -> Schema {
        self.properties(fields.iter().map(|field| Property {
            name: &field.name,
            ty: field.ty,
            default: field.default.as_ref(),
            doc: field.doc.as_deref(),
            optional: false,
        }))
    }

    fn params(&mut self, params: &[Param]) -> Schema {
        self.properties(params.iter().map(|param| Property {
            name: &param.name.text,
            ty: param.ty,
            default: param.default.as_ref(),
            doc: param.doc.as_deref(),
            optional: false,
        }))
    }

    /// The state at the end. A field that was never written is missing.
    fn state(&mut self, fields: &[Field]) -> Schema {
        self.properties(fields.iter().map(|field| Property {
            name: &field.name.text,
            ty: field.ty,
            default: None,
            doc: field.doc.as_deref(),
            optional: true,
        }))
    }

    fn properties<'a>(&mut self, fields: impl Iterator<Item = Property<'a>>) -> Schema {
        let mut properties = Schema::new();
        let mut required = Vec::new();
        for field in fields {
            let nullable = matches!(self.program.types.kind(field.ty), TyKind::Nullable(_));
            let mut schema = self.ty(field.ty);
            describe(&mut schema, field.doc);
            match field.default.and_then(value::json) {
                Some(default) => {
                    schema.insert("default".to_owned(), default);
                }
                None if field.default.is_none() && !nullable && !field.optional => required.push(field.name),
                None => {}
            }
            properties.insert(field.name.to_owned(), Json::Object(schema));
        }
        object(json!({ "type": "object", "properties": properties, "required": required }))
    }

    fn variants(&mut self, declared: &EnumTy) -> Schema {
        if declared.is_plain() {
            let names: Vec<&str> = declared.variants.iter().map(|(name, _)| name.as_str()).collect();
            return object(json!({ "enum": names }));
        }
        let mut cases = Vec::new();
        for (name, fields) in &declared.variants {
            let mut case = self.fields(fields);
            if let Some(Json::Object(properties)) = case.get_mut("properties") {
                properties.shift_insert(0, "tag".to_owned(), json!({ "const": name }));
            }
            if let Some(Json::Array(required)) = case.get_mut("required") {
                required.insert(0, json!("tag"));
            }
            cases.push(Json::Object(case));
        }
        object(json!({ "oneOf": cases }))
    }
}

/// A field of an object.
struct Property<'a> {
    name: &'a str,
    ty: Ty,
    default: Option<&'a ConstValue>,
    doc: Option<&'a str>,
    /// Whether it may be missing though nothing says so.
    optional: bool,
}

fn typed(name: &str) -> Schema {
    object(json!({ "type": name }))
}

fn object(json: Json) -> Schema {
    match json {
        Json::Object(map) => map,
        _ => Schema::new(),
    }
}

fn nullable(inner: Schema) -> Schema {
    if inner.is_empty() {
        return inner; // anything already
    }
    match inner.get("type") {
        Some(Json::String(name)) if !inner.contains_key("enum") && !inner.contains_key("const") => {
            let both = json!([name, "null"]);
            let mut inner = inner;
            inner.insert("type".to_owned(), both);
            inner
        }
        _ => object(json!({ "anyOf": [inner, { "type": "null" }] })),
    }
}

fn describe(schema: &mut Schema, doc: Option<&str>) {
    if let Some(doc) = doc {
        schema.insert("description".to_owned(), json!(doc));
    }
}

fn reference(name: &str) -> String {
    let escaped = name
        .replace('~', "~0")
        .replace('/', "~1")
        .replace(' ', "%20")
        .replace('<', "%3C")
        .replace('>', "%3E");
    format!("#/$defs/{escaped}")
}

/// Whether a schema refers to something.
fn mentions(schema: &Schema, reference: &str) -> bool {
    schema
        .iter()
        .any(|(key, value)| (key == "$ref" && value == reference) || within(value, reference))
}

fn within(json: &Json, reference: &str) -> bool {
    match json {
        Json::Object(map) => mentions(map, reference),
        Json::Array(items) => items.iter().any(|item| within(item, reference)),
        _ => false,
    }
}
