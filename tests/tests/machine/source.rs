//! Programs from source text, and runs of them.

use std::sync::Arc;

use flow_bytecode::verify;
use flow_compiler::{LoadError, check};
use flow_machine::{Dispatch, Outcome, Program, Start};
use serde_json::Value as Json;

use crate::host::{Host, Script, reply, start};

/// Compiles a program; its mistakes fail the test.
pub(crate) fn program(source: &str) -> Arc<Program> {
    let source = source.to_owned();
    let read = move |path: &str| match path {
        "main.flow" => Ok(source.clone()),
        _ => Err(LoadError::NotFound),
    };
    let checked = check(&read, "main.flow");
    let image = checked.build().unwrap_or_else(|found| panic!("{found:#?}"));
    Arc::new(Program::new(verify(image).unwrap()))
}

/// How the first flow of a program begins.
pub(crate) fn start_of(program: &Arc<Program>, flow: &str, input: Json) -> Start {
    assert!(
        program
            .image()
            .flows
            .iter()
            .any(|one| program.image().str(one.name) == flow)
    );
    Start {
        flow: flow.into(),
        ..start(input)
    }
}

/// A run of the flow `main`, as far as it goes.
pub(crate) fn run(program: &Arc<Program>, input: Json, script: Script) -> Host {
    Host::new(program, start_of(program, "main", input), script).run()
}

/// The name of the worker that a call is for.
pub(crate) fn worker<'p>(program: &'p Program, dispatch: &Dispatch) -> &'p str {
    let image = program.image();
    image.str(image.workers[dispatch.worker.index()].name)
}

/// Replies by worker and arguments, all after the same time.
pub(crate) fn replies(
    program: &Arc<Program>,
    delay: i64,
    mut by: impl FnMut(&str, &Dispatch) -> Json + 'static,
) -> Script {
    let program = program.clone();
    Box::new(move |dispatch: &Dispatch| -> (i64, Outcome) {
        let value = by(worker(&program, dispatch), dispatch);
        (delay, reply(value))
    })
}
