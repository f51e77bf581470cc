//! A list of batches: `[{ batch_id, label, tasks: [{ task_id, label, max_retries }], depends_on, fan_in_policy }]`.
//! The tasks of a batch run in parallel and are joined under its policy; a batch begins when all that it depends on
//! are done.

use std::fmt::Write;

use super::document::{Form, Json, Trouble};
use super::names::Names;
use super::writing::{comment, string};

/// What is written before the flow.
const HEAD: &str = "//! Imported from a list of batches.

/// Does one task of a batch. Where that is, is said by `flow.toml`.
worker run_task(batch: string, task: string, label: string) -> json via webhook

";

struct Batch<'j> {
    json: &'j Json,
    id: &'j str,
    name: String,
    /// The nodes of its tasks.
    tasks: Vec<String>,
    policy: &'static str,
    depends_on: Vec<&'j Json>,
}

pub(super) fn source(root: &Json, trouble: &mut Trouble) -> String {
    let mut out = String::from(HEAD);
    let Some(root) = trouble.form(root, Form::List, "the document") else {
        return out;
    };
    let mut names = Names::default();
    let mut nodes = String::new();
    let mut batches: Vec<Batch<'_>> = Vec::new();
    for json in &root.items {
        let Some(batch) = read(json, trouble, &mut names, &mut nodes) else {
            continue;
        };
        if batches.iter().any(|known| known.id == batch.id) {
            trouble.wrong(json.span, format!("the batch `{}` stands twice", batch.id));
        }
        batches.push(batch);
    }
    check_order(&batches, trouble);
    out.push_str("flow batches() -> map<json> {\n  state { results: map<json> by merge }\n\n");
    for batch in &batches {
        out.push_str(&edges(batch, &batches));
    }
    if batches.is_empty() {
        out.push_str("start -> end\n");
    }
    let _ = write!(out, "\n{nodes}\nreturn results\n}}\n");
    out
}

fn read<'j>(
    json: &'j Json,
    trouble: &mut Trouble,
    names: &mut Names,
    nodes: &mut String,
) -> Option<Batch<'j>> {
    let json = trouble.form(json, Form::Object, "a batch")?;
    trouble.known(
        json,
        &["batch_id", "label", "tasks", "depends_on", "fan_in_policy"],
    );
    let id = trouble.required(json, "batch_id", Form::Text)?.str()?;
    let label = trouble.optional(json, "label", Form::Text).and_then(Json::str);
    let name = names.of(id);
    let mut tasks = Vec::new();
    let listed = trouble.required(json, "tasks", Form::List);
    for task in listed.map_or(&[] as &[Json], |list| list.items.as_slice()) {
        if let Some((node, text)) = self::task(task, id, trouble, names) {
            tasks.push(node);
            nodes.push_str(&text);
        }
    }
    nodes.push_str(&comment("///", label.unwrap_or_default()));
    let _ = writeln!(
        nodes,
        "transform {name} {{ results <- {{ {}: true }} }}\n",
        string(id)
    );
    let depends = trouble.optional(json, "depends_on", Form::List);
    Some(Batch {
        json,
        id,
        name,
        tasks,
        policy: policy(json, trouble),
        depends_on: depends.map_or_else(Vec::new, |list| list.items.iter().collect()),
    })
}

fn task(json: &Json, batch: &str, trouble: &mut Trouble, names: &mut Names) -> Option<(String, String)> {
    let json = trouble.form(json, Form::Object, "a task")?;
    trouble.known(json, &["task_id", "label", "max_retries"]);
    let id = trouble.required(json, "task_id", Form::Text)?.str()?;
    let label = trouble
        .optional(json, "label", Form::Text)
        .and_then(Json::str)
        .unwrap_or_default();
    let retries = trouble.optional(json, "max_retries", Form::Count);
    let name = names.fresh(&format!("{batch} {id}"));
    let mut text = comment("///", label);
    let _ = writeln!(text, "task {name} {{");
    let (batch, task) = (string(batch), string(id));
    let _ = writeln!(
        text,
        "call run_task(batch: {batch}, task: {task}, label: {}) as reply",
        string(label)
    );
    let _ = writeln!(text, "results <- {{ {}: reply }}", string(id));
    if let Some(retries) = retries.and_then(|json| json.value.as_u64()) {
        // No retries are one attempt (L-26).
        let _ = writeln!(text, "attempts {}", retries.saturating_add(1));
    }
    text.push_str("timeout 1h\n}\n\n");
    Some((name, text))
}

fn policy(json: &Json, trouble: &mut Trouble) -> &'static str {
    let Some(given) = trouble.optional(json, "fan_in_policy", Form::Text) else {
        return "";
    };
    match given.str().unwrap_or_default() {
        "all" => "",
        "any" => "any of ",
        "majority" => "majority of ",
        "first" => "first of ",
        other => {
            trouble.wrong(
                given.span,
                format!("`{other}` is no policy; there are `all`, `any`, `majority`, `first`"),
            );
            ""
        }
    }
}

/// Every batch that is depended on exists, and none waits for itself.
fn check_order(batches: &[Batch<'_>], trouble: &mut Trouble) {
    let mut done: Vec<&str> = Vec::new();
    for batch in batches {
        for dependency in &batch.depends_on {
            let Some(json) = trouble.form(dependency, Form::Text, "what a batch depends on") else {
                return;
            };
            let id = json.str().unwrap_or_default();
            if !batches.iter().any(|known| known.id == id) {
                trouble.wrong(json.span, format!("there is no batch `{id}`"));
                return;
            }
        }
    }
    loop {
        let ready = |batch: &&Batch<'_>| {
            !done.contains(&batch.id)
                && batch
                    .depends_on
                    .iter()
                    .all(|one| done.contains(&one.str().unwrap_or_default()))
        };
        let next: Vec<&str> = batches.iter().filter(ready).map(|batch| batch.id).collect();
        if next.is_empty() {
            break;
        }
        done.extend(next);
    }
    if let Some(stuck) = batches.iter().find(|batch| !done.contains(&batch.id)) {
        trouble.wrong(
            stuck.json.span,
            format!(
                "the batch `{}` waits for itself, directly or round a corner",
                stuck.id
            ),
        );
    }
}

fn edges(batch: &Batch<'_>, batches: &[Batch<'_>]) -> String {
    let mut before: Vec<&str> = Vec::new();
    for one in &batch.depends_on {
        if let Some(known) = batches.iter().find(|known| Some(known.id) == one.str())
            && !before.contains(&known.name.as_str())
        {
            before.push(&known.name);
        }
    }
    let from = match before.as_slice() {
        [] => "start".to_owned(),
        [one] => (*one).to_owned(),
        several => format!("[{}]", several.join(", ")),
    };
    let last = !batches
        .iter()
        .any(|other| other.depends_on.iter().any(|one| one.str() == Some(batch.id)));
    let end = if last { " -> end" } else { "" };
    match batch.tasks.as_slice() {
        [] => format!("{from} -> {}{end}\n", batch.name),
        [one] => format!("{from} -> {one} -> {}{end}\n", batch.name),
        several => format!(
            "{from} -> {}[{}] -> {}{end}\n",
            batch.policy,
            several.join(", "),
            batch.name
        ),
    }
}
