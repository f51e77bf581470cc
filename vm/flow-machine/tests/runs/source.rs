//! Programs of tests, written as source: the flow is called `test`, and what every one needs is put
//! around its body.

use std::sync::Arc;

use flow_machine::{Dispatch, Outcome, Program};
use serde_json::json;

use crate::host::*;

/// Compiles a whole file. Warnings are let pass.
pub(crate) fn file(text: &str) -> Arc<Program> {
    let checked = flow_compiler::check_text(&flow_compiler::NoFiles, "test.flow", text);
    let image = checked.build().unwrap_or_else(|found| {
        let said: Vec<String> = found
            .iter()
            .filter(|one| one.is_error())
            .map(|one| {
                format!(
                    "{:?} {} at {:?}",
                    one.code,
                    one.message,
                    one.labels.first().map(|label| label.span)
                )
            })
            .collect();
        panic!("{}\n{text}", said.join("\n"))
    });
    Arc::new(Program::new(flow_bytecode::verify(image).unwrap()))
}

/// Compiles the body of a flow with a list `v` that collects. Nodes that are named and not written
/// are tasks that call the worker `w`, which replies with the node's name, and collect it.
pub(crate) fn flow(tasks: &[&str], body: &str) -> Arc<Program> {
    let tasks: Vec<String> = tasks.iter().map(|name| task(name, "")).collect();
    file(&format!(
        "worker w(x: int = 0) -> string via webhook {{ tags [w] }}\n\
         worker z(x: int = 0) -> string via webhook {{ tags [z] }}\n\
         flow test() {{\n state {{ v: [string] by append\n n: int by add }}\n{}\n{body}\n}}\n",
        tasks.join("\n")
    ))
}

/// A task that collects its own name, with further clauses.
pub(crate) fn task(name: &str, clauses: &str) -> String {
    format!("task {name} {{ call w() as r\n v <- r\n {clauses} }}")
}

/// Each node replies with its name after some seconds, 0 where it is not listed; below 0: it fails.
pub(crate) fn after(delays: &[(&str, i64)]) -> Script {
    let delays: Vec<(String, i64)> = delays
        .iter()
        .map(|(name, delay)| ((*name).to_owned(), *delay))
        .collect();
    Box::new(move |d: &Dispatch| {
        let delay = delays
            .iter()
            .find(|(name, _)| *name == named(d).as_str().unwrap() || *name == d.node)
            .map_or(0, |(_, delay)| *delay);
        let outcome = if delay < 0 {
            fails(flow_bytecode::ErrorClass::Http4xx)
        } else {
            reply(named(d))
        };
        (delay.abs() * SECOND, outcome)
    })
}

/// Runs a program whose nodes take so long.
pub(crate) fn run(program: &Arc<Program>, delays: &[(&str, i64)]) -> Host {
    let host = Host::new(program, start(json!({})), after(delays)).run();
    host.check_replay(program);
    host
}

/// The names and times of what was called, as `name@seconds`.
pub(crate) fn calls(host: &Host) -> String {
    let named = |(at, d): &(i64, Dispatch)| {
        let worker = host
            .machine
            .image()
            .str(host.machine.image().workers[d.worker.index()].name);
        let name = if worker == "z" {
            format!("undo {}", d.node)
        } else {
            named(d).as_str().unwrap().to_owned()
        };
        format!("{name}@{}", at / SECOND)
    };
    host.calls.iter().map(named).collect::<Vec<_>>().join(" ")
}

/// An outcome for whoever needs one.
pub(crate) fn ok(text: &str) -> Outcome {
    reply(json!(text))
}
