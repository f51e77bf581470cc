//! What people and programs see of a diagnostic, in every format.

use flow_diagnostics::codes::syntax;
use flow_diagnostics::render::{Human, HumanOptions, github, json, sarif};
use flow_diagnostics::{Diagnostic, SourceMap, Span};

fn two_files() -> (SourceMap, Diagnostic) {
    let mut map = SourceMap::new();
    let main = map.add("main.flow", "type A = int\nfn grüße(a: int) -> int =\n  a && 1\n");
    let other = map.add("lib.flow", "const B: int = 1\n");
    let diagnostic = Diagnostic::new(syntax::FOREIGN_OPERATOR, "`&&` is written `and`")
        .primary(Span::new(main, 45, 47), "an operator of another language")
        .label(Span::new(main, 5, 6), "this is fine")
        .label(Span::new(other, 6, 7), "and so is this")
        .help("write `and`")
        .fix("write `and`", Span::new(main, 45, 47), "and");
    (map, diagnostic)
}

#[test]
fn people_see_every_place_with_its_line() {
    let (map, diagnostic) = two_files();
    let text = Human::new(&map, HumanOptions::default()).print(&diagnostic);
    insta::assert_snapshot!(text);
}

#[test]
fn colour_is_a_choice() {
    let (map, diagnostic) = two_files();
    let plain = Human::new(&map, HumanOptions::default()).print(&diagnostic);
    let color = Human::new(
        &map,
        HumanOptions {
            color: true,
            ..HumanOptions::default()
        },
    )
    .print(&diagnostic);
    assert!(!plain.contains('\u{1b}') && color.contains('\u{1b}'));
}

#[test]
fn programs_read_json_github_and_sarif() {
    let (map, diagnostic) = two_files();
    let all = [diagnostic];
    insta::assert_snapshot!("json", json(&map, &all));
    insta::assert_snapshot!("github", github(&map, &all));
    let log: serde_json::Value = serde_json::from_str(&sarif(&map, &all, "1.0.0")).unwrap();
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "F0111");
    assert_eq!(
        result["locations"][0]["physicalLocation"]["region"]["startLine"],
        3
    );
    assert_eq!(
        result["relatedLocations"][1]["physicalLocation"]["artifactLocation"]["uri"],
        "lib.flow"
    );
}

#[test]
fn spans_past_the_end_and_control_characters_do_no_harm() {
    let mut map = SourceMap::new();
    let file = map.add("a.flow", "a\u{1b}[31m\rb ä");
    for (start, end) in [(0, 999), (998, 999), (9, 10), (11, 11)] {
        let diagnostic =
            Diagnostic::new(syntax::EXPECTED, "odd").primary(Span::new(file, start, end), "here");
        let text = Human::new(&map, HumanOptions::default()).print(&diagnostic);
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(text.contains("here"), "{text}");
    }
    let empty = map.add("empty.flow", "");
    let diagnostic = Diagnostic::new(syntax::EXPECTED, "odd").primary(Span::at(empty, 0), "here");
    assert!(
        Human::new(&map, HumanOptions::default())
            .print(&diagnostic)
            .contains("odd")
    );
}

#[test]
fn a_report_in_a_large_file_is_as_fast_and_as_short_as_in_a_small_one() {
    let mut map = SourceMap::new();
    let long_line = map.add("long.flow", "x ".repeat(2_000_000));
    let many_lines = map.add("many.flow", "x\n".repeat(2_000_000));
    for file in [long_line, many_lines] {
        let human = Human::new(&map, HumanOptions::default());
        let diagnostic =
            Diagnostic::new(syntax::EXPECTED, "odd").primary(Span::new(file, 3_000_000, 3_000_001), "here");
        let first = human.print(&diagnostic);
        assert!(first.len() < 4_000, "{} bytes", first.len());
        let start = std::time::Instant::now();
        for _ in 0..20 {
            human.print(&diagnostic);
        }
        assert!(
            start.elapsed() < std::time::Duration::from_secs(2),
            "{:?}",
            start.elapsed()
        );
        let whole =
            Diagnostic::new(syntax::EXPECTED, "odd").primary(Span::new(file, 0, 4_000_000), "all of it");
        assert!(human.print(&whole).len() < 8_000);
    }
}

#[test]
fn every_code_has_a_page_that_begins_with_its_name() {
    let mut last = "";
    for info in flow_diagnostics::Code::all() {
        let code = info.code.as_str();
        assert!(last < code, "{code} stands behind {last}");
        last = code;
        assert!(
            info.page.starts_with(&format!("# {code}: {}", info.title)),
            "{code}"
        );
        // Three are not about text that can stand in a page: bytes that are no text, files of 4 GB, and runs.
        let shown = info.page.contains("```") || matches!(code, "F0121" | "F0125") || code >= "F20";
        assert!(shown, "{code} has no example");
    }
    assert!(flow_diagnostics::Code::lookup("f0101").is_some());
}
