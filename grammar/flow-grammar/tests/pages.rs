//! The pages of the syntax codes say the truth: the first example gives the code, the cure gives nothing.

use flow_diagnostics::{Code, SourceMap};
use flow_grammar::parse;

#[test]
fn every_page_of_a_syntax_code_shows_the_mistake_and_a_cure() {
    let mut failures = Vec::new();
    let mut shown = 0;
    for info in Code::all().filter(|info| info.code.as_str().starts_with("F01")) {
        for (mark, example) in examples(info.page) {
            shown += 1;
            let file = SourceMap::new().add("page.flow", example.as_str());
            let found: Vec<&str> = parse(file, &example)
                .diagnostics
                .iter()
                .map(|d| d.code.as_str())
                .collect();
            let wanted = mark.strip_prefix("flow,fails=");
            let fits = wanted.map_or(found.is_empty(), |code| {
                !found.is_empty() && found.iter().all(|f| *f == code)
            });
            if !fits {
                failures.push(format!("{}: {mark}: {found:?}\n{example}", info.code));
            }
        }
    }
    assert!(shown > 40, "the pages have examples");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The fenced `flow` blocks of a page, with what stands behind the fence.
fn examples(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(mark) = line.strip_prefix("```").filter(|mark| mark.starts_with("flow")) {
            let body: Vec<&str> = lines
                .by_ref()
                .take_while(|line| !line.starts_with("```"))
                .collect();
            found.push((mark.to_owned(), body.join("\n") + "\n"));
        }
    }
    found
}
