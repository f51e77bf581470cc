//! The laws of the reducers, as properties, and what a step may not do to a channel.

use crate::assembler::{Assembler, first_field};
use flow_bytecode::{FieldId, Op, Reducer, Type};
use flow_machine::interp::{Env, Fuel, Interp, RunView, Update};
use flow_machine::reducer::{Item, Merging, Writer, merge_step};
use flow_machine::value::Value;
use flow_machine::{Fault, Program};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn program(ty: &Json, reducer: Reducer) -> Program {
    let mut asm = Assembler::new();
    let ty = asm.described(ty);
    let field = asm.field(ty, reducer);
    asm.flow_with(field);
    asm.program()
}

/// A step in which every writer sends its updates; true: an overwrite.
fn step(
    program: &Program,
    old: Option<&Value>,
    writers: &[Vec<(Value, bool)>],
) -> Result<Option<Value>, Fault> {
    let updates: Vec<Vec<Update>> = writers
        .iter()
        .map(|sent| {
            let one = |(value, overwrite): &(Value, bool)| Update {
                field: FieldId(0),
                value: value.clone(),
                overwrite: *overwrite,
            };
            sent.iter().map(one).collect()
        })
        .collect();
    let names = ["a", "b", "c"];
    let writers: Vec<Writer> = names
        .into_iter()
        .zip(&updates)
        .map(|(name, updates)| Writer {
            name: Item { node: name, index: 0 },
            id_prefix: "run-1-node",
            field: FieldId(0),
            updates,
        })
        .collect();
    let run = RunView::default();
    let nothing: &[Option<Value>] = &[];
    let env = Env {
        program,
        fields: &nothing,
        input: &[],
        config: &[],
        run: &run,
    };
    let mut merging = Merging {
        env: &env,
        interp: &mut Interp::default(),
        fuel: &mut Fuel::default(),
    };
    merge_step(&mut merging, first_field(program), old, &writers)
}

fn send(program: &Program, old: Option<&Value>, values: &[Value]) -> Result<Option<Value>, Fault> {
    step(
        program,
        old,
        &[values.iter().map(|value| (value.clone(), false)).collect()],
    )
}

fn ints(values: &[i64]) -> Value {
    Value::list(values.iter().copied().map(Value::Int))
}

proptest! {
    /// L-72: append of an item and extension by a list, from a value and from none.
    #[test]
    fn append_extends_and_never_nests(old in prop::option::of(prop::collection::vec(any::<i64>(), 0..5)), more in prop::collection::vec(any::<i64>(), 0..5), one: i64) {
        let program = program(&json!(["int"]), Reducer::Append { item_first: false });
        let before = old.as_deref().map(ints);
        let after = send(&program, before.as_ref(), &[ints(&more), Value::Int(one)]).unwrap();
        let all: Vec<i64> = old.into_iter().flatten().chain(more).chain([one]).collect();
        prop_assert_eq!(after, Some(ints(&all)));
    }

    /// L-72: where a list fits as an item, it is one; where only its items fit, they are.
    #[test]
    fn append_takes_a_list_as_one_item_where_both_fit(row in prop::collection::vec(any::<i64>(), 0..4)) {
        let program = program(&json!([["int"]]), Reducer::Append { item_first: true });
        let row = ints(&row);
        prop_assert_eq!(send(&program, None, std::slice::from_ref(&row)).unwrap(), Some(Value::list([row.clone()])));
        let rows = Value::list([ints(&[1]), row]);
        prop_assert_eq!(send(&program, None, std::slice::from_ref(&rows)).unwrap(), Some(rows));
    }

    /// L-72: merging equal maps changes nothing; a later scalar wins; keys keep their place.
    #[test]
    fn merge_is_idempotent(entries in prop::collection::btree_map("[a-d]", any::<i64>(), 0..4)) {
        let program = program(&json!({"map": "int"}), Reducer::Merge);
        let map = Value::map(entries.iter().map(|(key, value)| (key.as_str().into(), Value::Int(*value))));
        let once = send(&program, None, std::slice::from_ref(&map)).unwrap();
        let twice = send(&program, once.as_ref(), &[map.clone(), map.clone()]).unwrap();
        prop_assert_eq!(&once, &twice);
        prop_assert_eq!(once, Some(map));
    }

    /// L-72, L-80: sums of integers are exact, in any order and grouping.
    #[test]
    fn add_is_associative_and_commutative_over_ints(a in -(1_i64 << 61)..(1 << 61), b in -(1_i64 << 61)..(1 << 61), c: i32) {
        let program = program(&json!("int"), Reducer::Add);
        let [a, b, c] = [a, b, i64::from(c)].map(Value::Int);
        let left = send(&program, Some(&a), &[b.clone(), c.clone()]).unwrap();
        let right = send(&program, Some(&c), &[a.clone(), b.clone()]).unwrap();
        prop_assert_eq!(&left, &right);
        let exact = a.as_int().unwrap() + b.as_int().unwrap() + c.as_int().unwrap();
        prop_assert_eq!(left, Some(Value::Int(exact)));
    }

    /// L-72: the order of updates does not matter to min and max, nor their repetition.
    #[test]
    fn min_and_max_do_not_depend_on_order(values in prop::collection::vec(any::<i32>(), 1..6)) {
        for (reducer, best) in [(Reducer::Min, values.iter().min()), (Reducer::Max, values.iter().max())] {
            let program = program(&json!("int"), reducer);
            let sent: Vec<Value> = values.iter().map(|value| Value::Int(i64::from(*value))).collect();
            let reversed: Vec<Value> = sent.iter().rev().cloned().collect();
            let forward = send(&program, None, &sent).unwrap();
            prop_assert_eq!(&forward, &send(&program, forward.as_ref(), &reversed).unwrap());
            prop_assert_eq!(forward, best.map(|value| Value::Int(i64::from(*value))));
        }
    }

    /// L-73: whatever is added, replaced and removed, ids stay unique.
    #[test]
    fn message_ids_stay_unique(steps in prop::collection::vec(prop::collection::vec(0_u8..8, 1..12), 1..20)) {
        let program = program(&json!([{"fields": {"id": "string", "text": "string"}}]), Reducer::AddMessages);
        let mut state: Option<Value> = None;
        let mut model: Vec<String> = Vec::new();
        for (number, actions) in steps.iter().enumerate() {
            let mut batch = Vec::new();
            for action in actions {
                match action {
                    0..4 => batch.push(message("", &number.to_string())),
                    4 | 5 => {
                        let id = format!("x{}", action + number as u8 % 3);
                        if !model.contains(&id) { model.push(id.clone()); }
                        batch.push(message(&id, &number.to_string()));
                    }
                    6 => if let Some(id) = model.pop() {
                        batch.push(Value::map([("id".into(), Value::str(id)), ("remove".into(), Value::Bool(true))]));
                    },
                    _ => {
                        model.clear();
                        batch.push(Value::map([("remove_all".into(), Value::Bool(true))]));
                    }
                }
            }
            state = send_at(&program, state.as_ref(), &batch, number);
            let list = state.as_ref().unwrap().as_list().unwrap();
            let mut ids: Vec<&str> = list.iter().map(|item| item.get("id").unwrap().as_str().unwrap()).collect();
            prop_assert!(ids.iter().all(|id| !id.is_empty()));
            let count = ids.len();
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(count, ids.len());
            prop_assert!(model.iter().all(|id| ids.contains(&id.as_str())));
        }
    }
}

fn send_at(program: &Program, old: Option<&Value>, batch: &[Value], number: usize) -> Option<Value> {
    let updates: Vec<Update> = batch
        .iter()
        .map(|value| Update {
            field: FieldId(0),
            value: value.clone(),
            overwrite: false,
        })
        .collect();
    let prefix = format!("run-{number}-node");
    let writers = [Writer {
        name: Item { node: "a", index: 0 },
        id_prefix: &prefix,
        field: FieldId(0),
        updates: &updates,
    }];
    let run = RunView::default();
    let nothing: &[Option<Value>] = &[];
    let env = Env {
        program,
        fields: &nothing,
        input: &[],
        config: &[],
        run: &run,
    };
    let mut merging = Merging {
        env: &env,
        interp: &mut Interp::default(),
        fuel: &mut Fuel::default(),
    };
    merge_step(&mut merging, first_field(program), old, &writers)
        .unwrap()
        .or(Some(Value::list([])))
}

fn message(id: &str, text: &str) -> Value {
    Value::record([("id".into(), Value::str(id)), ("text".into(), Value::str(text))])
}

fn removal(id: &str) -> Value {
    Value::map([
        ("id".into(), Value::str(id)),
        ("remove".into(), Value::Bool(true)),
    ])
}

#[test]
fn messages_replace_in_place_and_removals_must_exist() {
    let program = program(
        &json!([{"fields": {"id": "string", "text": "string"}}]),
        Reducer::AddMessages,
    );
    let old = Value::list([message("1", "a"), message("2", "b"), message("3", "c")]);
    let after = send(
        &program,
        Some(&old),
        &[Value::list([
            removal("2"),
            message("2", "B"),
            message("1", "A"),
            message("1", "AA"),
        ])],
    );
    assert_eq!(
        after.unwrap(),
        Some(Value::list([
            message("1", "AA"),
            message("2", "B"),
            message("3", "c")
        ]))
    );
    assert!(send(&program, Some(&old), &[removal("9")]).is_err());
    assert!(send(&program, Some(&old), &[removal("2"), removal("2")]).is_err());
    let all = Value::map([("remove_all".into(), Value::Bool(true))]);
    let after = send(
        &program,
        Some(&old),
        &[message("8", "x"), all, message("", "new")],
    );
    assert_eq!(
        after.unwrap(),
        Some(Value::list([message("run-1-node-1", "new")]))
    );
}

#[test]
fn a_step_may_not_write_a_last_value_twice() {
    let program = program(&json!("int"), Reducer::LastValue);
    let one = |value| vec![(Value::Int(value), false)];
    assert_eq!(step(&program, None, &[one(1)]).unwrap(), Some(Value::Int(1)));
    let fault = step(&program, None, &[one(1), one(2)]).unwrap_err();
    assert_eq!(
        fault.message,
        "two updates of `field` in one step, by `a` and by `b`"
    );
    assert!(
        step(
            &program,
            None,
            &[vec![(Value::Int(1), false), (Value::Int(2), false)]]
        )
        .is_err()
    );
    assert_eq!(
        step(&program, Some(&Value::Int(7)), &[vec![]]).unwrap(),
        Some(Value::Int(7))
    );
    assert_eq!(step(&program, None, &[]).unwrap(), None);
}

/// L-72: an overwrite beats siblings, and its own node goes on from it.
#[test]
fn an_overwrite_goes_past_the_reducer() {
    let program = program(&json!("int"), Reducer::Add);
    let add = |value| (Value::Int(value), false);
    let set = |value| (Value::Int(value), true);
    let old = Value::Int(100);
    assert_eq!(
        step(
            &program,
            Some(&old),
            &[vec![add(1)], vec![add(5), set(10), add(2)]]
        )
        .unwrap(),
        Some(Value::Int(12))
    );
    let fault = step(&program, Some(&old), &[vec![set(1)], vec![set(2)]]).unwrap_err();
    assert_eq!(
        fault.message,
        "two overwrites of `field` in one step, by `a` and by `b`"
    );
}

#[test]
fn a_custom_reducer_gets_the_first_update_as_it_is_unless_it_takes_null() {
    for (nullable_old, first) in [(false, Value::Int(5)), (true, Value::Bool(true))] {
        let mut asm = Assembler::new();
        let ty = asm.ty(Type::Json);
        let is_null = Op::Unary {
            op: flow_bytecode::UnaryOp::IsNull,
            dst: 0,
            a: 0,
        };
        let chunk = asm.chunk(2, 2, vec![is_null, Op::Return { src: 0 }]);
        let field = asm.field(ty, Reducer::Custom { chunk, nullable_old });
        asm.flow_with(field);
        let program = asm.program();
        assert_eq!(send(&program, None, &[Value::Int(5)]).unwrap(), Some(first));
        assert_eq!(
            send(&program, Some(&Value::Int(1)), &[Value::Int(5)]).unwrap(),
            Some(Value::Bool(false))
        );
    }
}

#[test]
fn durations_add_and_overflow_is_a_fault() {
    let program = program(&json!("duration"), Reducer::Add);
    let sum = send(&program, Some(&Value::Duration(1)), &[Value::Duration(2)]);
    assert_eq!(sum.unwrap(), Some(Value::Duration(3)));
    assert!(send(&program, Some(&Value::Duration(i64::MAX)), &[Value::Duration(1)]).is_err());
}
