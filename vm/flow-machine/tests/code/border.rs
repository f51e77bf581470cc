//! Checks at the border, from data: every line of `cases/border/*.jsonl` is a case of a type, a JSON text
//! and the value or the failure with its path. Types are described as in `Assembler::described`.

use std::path::Path;

use crate::assembler::Assembler;
use flow_bytecode::Reducer;
use flow_machine::border::{canonical_bytes, check_json, check_update, check_value, to_json};
use flow_machine::interp::{Fuel, Interp};
use flow_machine::value::Value;
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Deserialize)]
struct Case {
    ty: Json,
    json: Json,
    gives: Option<Json>,
    /// Path and message.
    fails: Option<(String, String)>,
}

#[test]
fn json_is_checked_as_the_cases_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/code/cases/border");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("cases") {
        let path = entry.expect("a file").path();
        for line in std::fs::read_to_string(&path)
            .expect("text")
            .lines()
            .filter(|line| !line.is_empty())
        {
            let case: Case = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            let mut asm = Assembler::new();
            let ty = asm.described(&case.ty);
            let program = asm.program();
            let (mut interp, mut fuel) = (Interp::default(), Fuel::default());
            let got = check_json(&program, ty, &case.json, &mut interp, &mut fuel);
            count += 1;
            match (case.fails, got) {
                (None, Ok(value)) => {
                    let wanted = case.gives.unwrap_or(Json::Null).to_string();
                    assert_eq!(serde_json::to_string(&value).expect("stored"), wanted, "{line}");
                    // What has been accepted is accepted again, as a value and as JSON.
                    let again = check_value(&program, ty, &value, &mut interp, &mut fuel);
                    assert_eq!(again.as_ref(), Ok(&value), "{line}");
                    let back = check_json(&program, ty, &to_json(&value), &mut interp, &mut fuel);
                    assert_eq!(back.as_ref(), Ok(&value), "{line}");
                }
                (Some((path, message)), Err(fault)) => {
                    assert_eq!(
                        (fault.path.as_deref(), &fault.message),
                        (Some(path.as_str()), &message),
                        "{line}"
                    );
                }
                (_, got) => panic!("{line}: {got:?}"),
            }
        }
    }
    assert!(count > 30, "cases were found");
}

#[test]
fn updates_are_checked_by_what_the_reducer_takes() {
    let mut asm = Assembler::new();
    let message = asm.described(&json!({"fields": {"id": "string", "text": "string"}}));
    let messages = asm.ty(flow_bytecode::Type::List(message));
    let rows = asm.described(&json!([["int"]]));
    let facts = asm.described(&json!({"fields": {"a": "int", "b": {"fields": {"c": "int", "d": "int"}}}}));
    let messages = asm.field(messages, Reducer::AddMessages);
    let rows = asm.field(rows, Reducer::Append { item_first: true });
    let facts = asm.field(facts, Reducer::Merge);
    let program = asm.program();
    let check = |field: &flow_bytecode::Field, json: Json| {
        check_update(
            &program,
            field,
            &json,
            false,
            &mut Interp::default(),
            &mut Fuel::default(),
        )
    };
    assert!(check(&messages, json!({"id": "1", "remove": true})).is_ok());
    assert!(check(&messages, json!([{"remove_all": true}, {"id": "", "text": "x"}])).is_ok());
    let fault = check(&messages, json!([{"id": "1", "text": "x"}, {"id": "1"}])).unwrap_err();
    assert_eq!(fault.path.as_deref(), Some("$[1].text"));
    assert!(check(&rows, json!([1, 2])).is_ok());
    assert!(check(&rows, json!([[1], [2]])).is_ok());
    assert!(check(&rows, json!(["x"])).is_err());
    assert_eq!(
        check(&facts, json!({"b": {"d": 1}, "z": 0})),
        Ok(Value::map([(
            "b".into(),
            Value::map([("d".into(), Value::Int(1))])
        )]))
    );
    assert_eq!(
        check(&facts, json!({"b": {"d": "x"}}))
            .unwrap_err()
            .path
            .as_deref(),
        Some("$.b.d")
    );
}

#[test]
fn canonical_bytes_are_those_of_equal_values() {
    let map = Value::map([("b".into(), Value::Int(1)), ("a".into(), Value::Float(-0.0))]);
    let record = Value::record([("a".into(), Value::Float(0.0)), ("b".into(), Value::Int(1))]);
    assert_eq!(map, record);
    assert_eq!(canonical_bytes(&map), canonical_bytes(&record));
    assert_eq!(canonical_bytes(&map), br#"{"a":0.0,"b":1}"#);
}

#[test]
fn stored_values_come_back_and_cannot_be_forged() {
    let texts = [
        r#"{"$duration":5}"#,
        r#"{"$case":"a","x":{"$time":7}}"#,
        r#"{"$secret":[{"text":"Bearer "},{"name":"T"}]}"#,
        r#"[1,1.0,null,true,"x",{"a":{}}]"#,
    ];
    for text in texts {
        let value: Value = serde_json::from_str(text).expect(text);
        assert_eq!(serde_json::to_string(&value).expect("stored"), text);
    }
    // What came from outside looks like a secret, but is stored as what it is: a map.
    let forged = Value::map([("$secret".into(), Value::str("TOKEN"))]);
    let stored = serde_json::to_string(&forged).expect("stored");
    assert_eq!(stored, r#"{"$$secret":"TOKEN"}"#);
    assert_eq!(serde_json::from_str::<Value>(&stored).expect("stored"), forged);
}
