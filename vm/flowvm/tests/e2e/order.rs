//! The order in which workers answer cannot be seen: shuffled delays give the same state, path and checkpoints.

use crate::harness::Bench;

#[test]
fn delays_cannot_be_seen_in_state_or_history() {
    let mut first: Option<(String, String)> = None;
    for seed in 0..6 {
        let bench = Bench::copy_of("vm/flowvm/tests/flows/survey");
        bench.write("seed", seed.to_string());
        let mut end = bench.run_json(&["main.flow", "--id", "r"]);
        assert_eq!(end["status"], "done", "{end}");
        end.as_object_mut().unwrap().retain(|key, _| key != "run");
        let history = bench.flowvm(&["history", "r", "--json"]);
        history.expect(0);
        let steps: Vec<String> = history
            .json()
            .as_array()
            .unwrap()
            .iter()
            .map(without_times)
            .collect();
        let seen = (end.to_string(), steps.join("\n"));
        match &first {
            None => first = Some(seen),
            Some(first) => assert_eq!(*first, seen, "seed {seed}"),
        }
    }
}

/// When something happened may differ; what and in which order may not.
fn without_times(point: &serde_json::Value) -> String {
    let mut point = point.clone();
    if let Some(fields) = point.as_object_mut() {
        fields.retain(|key, _| key != "at");
    }
    point.to_string()
}
