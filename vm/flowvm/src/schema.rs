//! JSON Schema (2020-12) of the types of an image: what an answer must look like, for forms and programs.

use serde_json::{Map, Value as Json, json};

use flow_bytecode::{Const, ConstId, Image, RecordField, Type, TypeId, Worker};

/// How deep a recursive type is written out.
const DEPTH: u32 = 12;

/// The schema of a type.
pub fn of(image: &Image, ty: TypeId) -> Json {
    at(image, ty, 0)
}

/// A worker as a tool of an agent: its name, what it is for, and the schemas of what it takes and gives.
pub fn tool(image: &Image, worker: &Worker) -> Json {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for param in &worker.params {
        let mut schema = of(image, param.ty);
        if let (Some(doc), Json::Object(schema)) = (param.doc, &mut schema) {
            schema.insert("description".to_owned(), json!(image.str(doc)));
        }
        let may_be_left_out =
            param.default.is_some() || matches!(image.types[param.ty.index()], Type::Nullable(_));
        if !may_be_left_out {
            required.push(image.str(param.name));
        }
        properties.insert(image.str(param.name).to_owned(), schema);
    }
    json!({
        "name": image.str(worker.name),
        "description": worker.doc.map(|doc| image.str(doc)),
        "parameters": { "type": "object", "properties": properties, "required": required },
        "result": of(image, worker.reply),
    })
}

/// What an answer to the question must be whether a tool may be used.
pub fn approval() -> Json {
    json!({
        "type": "boolean",
        "description": "or an object with `approve` and `reason`",
    })
}

fn at(image: &Image, ty: TypeId, depth: u32) -> Json {
    if depth > DEPTH {
        return json!({});
    }
    let below = |ty: &TypeId| at(image, *ty, depth + 1);
    match &image.types[ty.index()] {
        Type::Bool => json!({"type": "boolean"}),
        Type::Int => json!({"type": "integer"}),
        Type::Float => json!({"type": "number"}),
        Type::String => json!({"type": "string"}),
        Type::Duration => json!({"type": "string", "format": "duration"}),
        Type::Time => json!({"type": "string", "format": "date-time"}),
        Type::Json => json!({}),
        Type::Secret => json!(false),
        Type::List(item) => json!({"type": "array", "items": below(item)}),
        Type::Map(value) => json!({"type": "object", "additionalProperties": below(value)}),
        Type::Nullable(inner) => json!({"anyOf": [below(inner), {"type": "null"}]}),
        Type::Record { name, fields } => {
            let mut schema = record(image, fields, depth);
            if let Some(name) = name {
                schema.insert("title".to_owned(), json!(image.str(*name)));
            }
            Json::Object(schema)
        }
        Type::Enum { name, variants } => {
            let values: Vec<&str> = variants.iter().map(|variant| image.str(*variant)).collect();
            json!({"title": image.str(*name), "enum": values})
        }
        Type::Union { name, variants } => {
            let cases: Vec<Json> = variants
                .iter()
                .map(|(tag, fields)| {
                    let mut case = record(image, fields, depth);
                    if let Some(Json::Object(properties)) = case.get_mut("properties") {
                        properties.shift_insert(0, "tag".to_owned(), json!({"const": image.str(*tag)}));
                    }
                    if let Some(Json::Array(required)) = case.get_mut("required") {
                        required.insert(0, json!("tag"));
                    }
                    Json::Object(case)
                })
                .collect();
            json!({"title": image.str(*name), "oneOf": cases})
        }
        Type::Refined { base, text, .. } => match below(base) {
            Json::Object(mut schema) => {
                schema.insert(
                    "description".to_owned(),
                    json!(format!("where {}", image.str(*text))),
                );
                Json::Object(schema)
            }
            other => other,
        },
    }
}

fn record(image: &Image, fields: &[RecordField], depth: u32) -> Map<String, Json> {
    let properties: Map<String, Json> = fields
        .iter()
        .map(|field| {
            let mut schema = at(image, field.ty, depth + 1);
            if let (Json::Object(schema), Some(doc)) = (&mut schema, field.doc) {
                schema.insert("description".to_owned(), json!(image.str(doc)));
            }
            if let (Json::Object(schema), Some(default)) = (&mut schema, field.default) {
                schema.insert("default".to_owned(), constant(image, default));
            }
            (image.str(field.name).to_owned(), schema)
        })
        .collect();
    let needed = |field: &&RecordField| {
        field.default.is_none() && !matches!(image.types[field.ty.index()], Type::Nullable(_))
    };
    let required: Vec<&str> = fields
        .iter()
        .filter(needed)
        .map(|field| image.str(field.name))
        .collect();
    Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), Json::Object(properties)),
        ("required".to_owned(), json!(required)),
    ])
}

fn constant(image: &Image, id: ConstId) -> Json {
    let fields = |fields: &[(flow_bytecode::StrId, ConstId)]| -> Map<String, Json> {
        fields
            .iter()
            .map(|(name, value)| (image.str(*name).to_owned(), constant(image, *value)))
            .collect()
    };
    match &image.consts[id.index()] {
        Const::Null => Json::Null,
        Const::Bool(value) => json!(value),
        Const::Int(value) => json!(value),
        Const::Float(value) => json!(value),
        Const::Str(text) => json!(image.str(*text)),
        Const::Duration(nanos) => json!(flow_machine::border::iso_duration(*nanos)),
        Const::Time(nanos) => json!(flow_machine::border::rfc3339(*nanos)),
        Const::List(items) => items.iter().map(|item| constant(image, *item)).collect(),
        Const::Record(entries) | Const::Map(entries) => Json::Object(fields(entries)),
        Const::Variant(tag, entries) => {
            let mut case = Map::from_iter([("tag".to_owned(), json!(image.str(*tag)))]);
            case.extend(fields(entries));
            Json::Object(case)
        }
    }
}
