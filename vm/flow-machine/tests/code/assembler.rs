//! Makes small images by hand, for tests of the machine without a compiler.

use flow_bytecode::{
    Chunk, ChunkId, Const, ConstId, Field, FieldId, Flow, Image, Limits, Method, Op, RecordField, Reducer,
    SourceSpan, SourceText, StrId, Type, TypeId, verify,
};
use flow_machine::Fault;
use flow_machine::Program;
use flow_machine::interp::{self, Env, Evaluated, Fuel, RunView};
use flow_machine::value::Value;
use serde_json::Value as Json;

/// An image in the making.
#[derive(Default)]
pub(crate) struct Assembler {
    pub(crate) image: Image,
}

pub(crate) const NOWHERE: SourceSpan = SourceSpan {
    file: 0,
    start: 0,
    end: 0,
};

impl Assembler {
    pub(crate) fn new() -> Assembler {
        let mut image = Image::default();
        image.debug.files.push(SourceText {
            path: "test.flow".into(),
            text: "text".into(),
        });
        Assembler { image }
    }

    pub(crate) fn str(&mut self, text: &str) -> StrId {
        if let Some(at) = self.image.strings.iter().position(|known| known == text) {
            return StrId(at as u32);
        }
        self.image.strings.push(text.into());
        StrId(self.image.strings.len() as u32 - 1)
    }

    pub(crate) fn constant(&mut self, value: Const) -> ConstId {
        self.image.consts.push(value);
        ConstId(self.image.consts.len() as u32 - 1)
    }

    pub(crate) fn ty(&mut self, ty: Type) -> TypeId {
        self.image.types.push(ty);
        TypeId(self.image.types.len() as u32 - 1)
    }

    pub(crate) fn chunk(&mut self, params: u16, registers: u16, code: Vec<Op>) -> ChunkId {
        let name = self.str("test");
        let spans = vec![
            SourceSpan {
                file: 0,
                start: 0,
                end: 4
            };
            code.len()
        ];
        self.image.chunks.push(Chunk {
            name,
            params,
            registers,
            code,
            spans,
        });
        ChunkId(self.image.chunks.len() as u32 - 1)
    }

    /// A chunk that calls a method on its parameters.
    pub(crate) fn method(&mut self, method: Method, count: u16) -> ChunkId {
        let call = Op::Method {
            dst: count,
            method,
            first: 0,
            count,
        };
        self.chunk(count, count + 1, vec![call, Op::Return { src: count }])
    }

    /// A flow with one field, for reducers.
    pub(crate) fn flow_with(&mut self, field: Field) {
        let name = self.str("flow");
        self.image.flows.push(Flow {
            name,
            doc: None,
            params: vec![],
            config: vec![],
            fields: vec![field],
            nodes: vec![],
            entry: vec![],
            joins: vec![],
            limits: Limits::default(),
            on_error: None,
            events: vec![],
            result: None,
            result_type: None,
            span: NOWHERE,
        });
    }

    pub(crate) fn field(&mut self, ty: TypeId, reducer: Reducer) -> Field {
        let name = self.str("field");
        Field {
            name,
            ty,
            reducer,
            start: None,
            ephemeral: false,
            external: false,
            doc: None,
            span: NOWHERE,
        }
    }

    /// A type from its description: `"int"`, `["float"]` a list, `{"?": T}`, `{"map": T}`,
    /// `{"enum": […]}`, `{"union": {case: fields}}`, `{"above": n}` an int above n, `{"fields": {…}}`
    /// whose values are types, or `[type, default]` where the default is an int.
    pub(crate) fn described(&mut self, json: &Json) -> TypeId {
        let ty = match json {
            Json::String(name) => match name.as_str() {
                "bool" => Type::Bool,
                "int" => Type::Int,
                "float" => Type::Float,
                "string" => Type::String,
                "duration" => Type::Duration,
                "time" => Type::Time,
                "secret" => Type::Secret,
                "json" => Type::Json,
                other => panic!("no type {other}"),
            },
            Json::Array(items) => Type::List(self.described(&items[0])),
            Json::Object(object) => {
                let (key, inner) = object.iter().next().expect("one key");
                match key.as_str() {
                    "?" => Type::Nullable(self.described(inner)),
                    "map" => Type::Map(self.described(inner)),
                    "enum" => {
                        let cases = inner.as_array().expect("cases");
                        let variants = cases
                            .iter()
                            .map(|case| self.str(case.as_str().expect("a name")))
                            .collect();
                        Type::Enum {
                            name: self.str("Enum"),
                            variants,
                        }
                    }
                    "union" => {
                        let cases = inner.as_object().expect("cases").iter();
                        let variants = cases
                            .map(|(name, fields)| (self.str(name), self.fields(fields)))
                            .collect();
                        Type::Union {
                            name: self.str("Union"),
                            variants,
                        }
                    }
                    "above" => self.above(inner.as_i64().expect("an int")),
                    "fields" => Type::Record {
                        name: None,
                        fields: self.fields(inner),
                    },
                    other => panic!("no type {other}"),
                }
            }
            other => panic!("no type {other}"),
        };
        self.ty(ty)
    }

    fn fields(&mut self, json: &Json) -> Vec<RecordField> {
        let fields = json.as_object().expect("fields").iter();
        let one = |(name, ty): (&String, &Json)| {
            let (ty, default) = match ty {
                Json::Array(parts) if parts.len() == 2 => (&parts[0], parts[1].as_i64()),
                plain => (plain, None),
            };
            RecordField {
                name: self.str(name),
                ty: self.described(ty),
                default: default.map(|value| self.constant(Const::Int(value))),
                doc: None,
            }
        };
        fields.map(one).collect()
    }

    fn above(&mut self, bound: i64) -> Type {
        use flow_bytecode::BinaryOp;
        let base = self.ty(Type::Int);
        let value = self.constant(Const::Int(bound));
        let compare = Op::Binary {
            op: BinaryOp::Gt,
            dst: 1,
            a: 0,
            b: 1,
        };
        let check = self.chunk(
            1,
            2,
            vec![Op::Const { dst: 1, value }, compare, Op::Return { src: 1 }],
        );
        Type::Refined {
            base,
            check,
            text: self.str(&format!("it > {bound}")),
        }
    }

    pub(crate) fn program(self) -> Program {
        Program::new(verify(self.image).expect("a valid image"))
    }
}

/// Runs a chunk outside any flow.
pub(crate) fn run(program: &Program, chunk: ChunkId, args: &[Value], fuel: u64) -> Result<Evaluated, Fault> {
    run_with(program, chunk, args, &[], fuel)
}

/// Runs a chunk over a state.
pub(crate) fn run_with(
    program: &Program,
    chunk: ChunkId,
    args: &[Value],
    state: &[Option<Value>],
    fuel: u64,
) -> Result<Evaluated, Fault> {
    let run = RunView::default();
    let env = Env {
        program,
        fields: &state,
        input: &[],
        config: &[],
        run: &run,
    };
    interp::call(&env, chunk, args, &mut Fuel::new(fuel))
}

/// The first field of the first flow.
pub(crate) fn first_field(program: &Program) -> &Field {
    &program.image().flows[0].fields[FieldId(0).index()]
}
