//! Methods and operators, from data: every line of `cases/methods/*.jsonl` and `cases/operators/*.jsonl` is a
//! case. Values are in the stored form (`{"$duration": 5}`); a function is `{"fn": name}`, one of
//! those below; `fails` is the code of the fault.

use std::path::Path;

use crate::assembler::{Assembler, run};
use flow_bytecode::{BinaryOp, ChunkId, Const, Method, Op, UnaryOp};
use flow_machine::Fault;
use flow_machine::value::Value;
use serde::Deserialize;
use serde_json::Value as Json;

#[derive(Deserialize)]
struct Case {
    #[serde(alias = "op")]
    call: String,
    on: Json,
    #[serde(default)]
    with: Vec<Json>,
    gives: Option<Json>,
    fails: Option<String>,
}

#[test]
fn methods_do_what_their_cases_say() {
    each_case("methods", |case| {
        let method = Method::by_name(&case.call).expect("a method");
        evaluate(&case, |asm, count| asm.method(method, count))
    });
}

#[test]
fn operators_do_what_their_cases_say() {
    each_case("operators", |case| {
        evaluate(&case, |asm, count| {
            let op = match count {
                1 => Op::Unary {
                    op: unary(&case.call),
                    dst: 0,
                    a: 0,
                },
                _ if case.call == "[]" => Op::Index {
                    dst: 0,
                    base: 0,
                    index: 1,
                },
                _ => Op::Binary {
                    op: binary(&case.call),
                    dst: 0,
                    a: 0,
                    b: 1,
                },
            };
            asm.chunk(count, count, vec![op, Op::Return { src: 0 }])
        })
    });
}

fn each_case(folder: &str, check: impl Fn(Case) -> (Case, Result<Value, Fault>)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/code/cases")
        .join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("cases")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    let mut count = 0;
    for path in files {
        for (number, line) in std::fs::read_to_string(&path).expect("text").lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let place = format!("{}:{}: {line}", path.display(), number + 1);
            let case: Case = serde_json::from_str(line).unwrap_or_else(|error| panic!("{place}: {error}"));
            let (case, got) = check(case);
            count += 1;
            match (&case.fails, got) {
                (Some(code), Err(fault)) => {
                    assert_eq!(fault.kind.code(), code, "{place}: {fault}");
                    assert!(fault.span.is_some(), "{place}: a fault has a place");
                }
                (None, Ok(value)) => {
                    // As text, so that 1 and 1.0 are not the same.
                    let wanted = case.gives.unwrap_or(Json::Null).to_string();
                    assert_eq!(serde_json::to_string(&value).expect("stored"), wanted, "{place}");
                }
                (_, got) => panic!("{place}: {got:?}"),
            }
        }
    }
    assert!(count > 10, "cases were found");
}

fn evaluate(case: &Case, make: impl Fn(&mut Assembler, u16) -> ChunkId) -> (Case, Result<Value, Fault>) {
    let mut asm = Assembler::new();
    let functions = functions(&mut asm);
    let values = [&case.on]
        .into_iter()
        .chain(&case.with)
        .map(|json| value(json, &functions))
        .collect::<Vec<_>>();
    let chunk = make(&mut asm, values.len() as u16);
    let program = asm.program();
    let got = run(&program, chunk, &values, 1_000_000).map(|evaluated| evaluated.value);
    let Case {
        call,
        on,
        with,
        gives,
        fails,
    } = case;
    let case = Case {
        call: call.clone(),
        on: on.clone(),
        with: with.clone(),
        gives: gives.clone(),
        fails: fails.clone(),
    };
    (case, got)
}

fn value(json: &Json, functions: &[(&str, ChunkId)]) -> Value {
    if let Some(name) = json.get("fn").and_then(Json::as_str) {
        let (_, chunk) = functions
            .iter()
            .find(|(known, _)| *known == name)
            .expect("a function");
        return Value::Closure(std::sync::Arc::new(flow_machine::value::Closure::new(
            *chunk,
            Box::new([]),
        )));
    }
    serde_json::from_value(json.clone()).expect("a stored value")
}

fn functions(asm: &mut Assembler) -> Vec<(&'static str, ChunkId)> {
    let two = asm.constant(Const::Int(2));
    let zero = asm.constant(Const::Int(0));
    let ret = |src| Op::Return { src };
    let bin = |op, dst, a, b| Op::Binary { op, dst, a, b };
    vec![
        (
            "double",
            asm.chunk(
                1,
                2,
                vec![
                    Op::Const { dst: 1, value: two },
                    bin(BinaryOp::Mul, 0, 0, 1),
                    ret(0),
                ],
            ),
        ),
        (
            "is_even",
            asm.chunk(
                1,
                3,
                vec![
                    Op::Const { dst: 1, value: two },
                    Op::Const { dst: 2, value: zero },
                    bin(BinaryOp::Rem, 0, 0, 1),
                    bin(BinaryOp::Eq, 0, 0, 2),
                    ret(0),
                ],
            ),
        ),
        ("add", asm.chunk(2, 2, vec![bin(BinaryOp::Add, 0, 0, 1), ret(0)])),
        ("len", asm.method(Method::Len, 1)),
        (
            "negative",
            asm.chunk(
                1,
                1,
                vec![
                    Op::Unary {
                        op: UnaryOp::Neg,
                        dst: 0,
                        a: 0,
                    },
                    ret(0),
                ],
            ),
        ),
        (
            "twice",
            asm.chunk(
                1,
                3,
                vec![
                    Op::Move { dst: 1, src: 0 },
                    Op::List {
                        dst: 2,
                        first: 0,
                        count: 2,
                    },
                    ret(2),
                ],
            ),
        ),
        ("same", asm.chunk(1, 1, vec![ret(0)])),
    ]
}

fn binary(sign: &str) -> BinaryOp {
    match sign {
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Sub,
        "*" => BinaryOp::Mul,
        "/" => BinaryOp::Div,
        "%" => BinaryOp::Rem,
        "==" => BinaryOp::Eq,
        "!=" => BinaryOp::Ne,
        "<" => BinaryOp::Lt,
        "<=" => BinaryOp::Le,
        ">" => BinaryOp::Gt,
        ">=" => BinaryOp::Ge,
        "in" => BinaryOp::In,
        other => panic!("no operator {other}"),
    }
}

fn unary(sign: &str) -> UnaryOp {
    match sign {
        "-" => UnaryOp::Neg,
        "not" => UnaryOp::Not,
        "null?" => UnaryOp::IsNull,
        other => panic!("no operator {other}"),
    }
}
