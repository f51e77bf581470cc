//! Every code that checking a program can give has a page whose first example triggers it and whose cure does
//! not; the cure has no errors at all.

use flow_compiler::{NoFiles, check_text};
use flow_diagnostics::Code;

const FAMILIES: &[&str] = &["F02", "F03", "F04", "F05", "F06", "F07", "F08", "F09"];

#[test]
fn examples_trigger_their_codes_and_cures_cure() {
    let mut wrong = Vec::new();
    for info in Code::all().filter(|info| {
        FAMILIES
            .iter()
            .any(|family| info.code.as_str().starts_with(family))
    }) {
        for (fails, text) in examples(info.page) {
            let checked = check_text(&NoFiles, "main.flow", &text);
            let said: Vec<String> = checked
                .diagnostics
                .iter()
                .map(|found| format!("{} {}", found.code, found.message))
                .collect();
            let found = checked.diagnostics.iter().any(|found| found.code == info.code);
            if fails != found || (!fails && checked.has_errors()) {
                wrong.push(format!(
                    "{} ({}): {said:#?}",
                    info.code,
                    if fails { "example" } else { "cure" }
                ));
            }
            if !fails && !checked.has_errors() && checked.build().is_err() {
                wrong.push(format!("{}: the cure cannot be built", info.code));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The fenced `flow` blocks of a page, and whether each is one that fails.
fn examples(page: &str) -> Vec<(bool, String)> {
    let mut all = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("```flow") {
        let Some((info, body)) = after.split_once('\n') else {
            break;
        };
        let Some((text, behind)) = body.split_once("```") else {
            break;
        };
        let fails = if page.contains("fails=") {
            info.contains("fails=")
        } else {
            all.is_empty()
        };
        all.push((fails, text.to_string()));
        rest = behind;
    }
    all
}
