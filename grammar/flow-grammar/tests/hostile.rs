//! Bad input: nothing panics, everything ends soon, and neighbours of a mistake are still parsed.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::time::{Duration, Instant};

use flow_diagnostics::{FileId, SourceMap};
use flow_grammar::ast::Item;
use flow_grammar::{Parsed, parse};

/// An unoptimised parser on a shared machine; backtracking that grows exponentially takes hours.
const SOON: Duration = Duration::from_secs(if cfg!(debug_assertions) { 40 } else { 1 });

fn parse_soon(what: &str, text: &str) -> Parsed {
    parse_within(SOON, what, text)
}

fn parse_within(limit: Duration, what: &str, text: &str) -> Parsed {
    let file = SourceMap::new().add("hostile.flow", "");
    let start = Instant::now();
    let parsed = parse(file, text);
    assert!(start.elapsed() < limit, "{what} took {:?}", start.elapsed());
    for diagnostic in &parsed.diagnostics {
        assert!(!diagnostic.labels.is_empty(), "{what}: {diagnostic:?}");
        for label in &diagnostic.labels {
            assert!(label.span.end as usize <= text.len(), "{what}: {diagnostic:?}");
            assert!(
                text.is_char_boundary(label.span.start as usize),
                "{what}: {diagnostic:?}"
            );
            assert!(
                text.is_char_boundary(label.span.end as usize),
                "{what}: {diagnostic:?}"
            );
        }
    }
    parsed
}

fn codes(parsed: &Parsed) -> Vec<&'static str> {
    parsed.diagnostics.iter().map(|d| d.code.as_str()).collect()
}

fn example() -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/");
    ["whole_file", "nodes", "test_forms"]
        .iter()
        .map(|case| std::fs::read_to_string(format!("{root}{case}/input.flow")).unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn empty_files_are_fine() {
    for text in [
        "",
        "\n",
        "  ",
        "\u{feff}",
        "\u{feff}\r\n",
        "// only a comment",
        "\r",
        ",",
        ",,\n,",
    ] {
        let parsed = parse_soon("empty", text);
        assert!(
            parsed.ast.items.is_empty() && parsed.diagnostics.is_empty(),
            "{text:?}: {:?}",
            parsed.diagnostics
        );
    }
}

/// Found by `flow-fuzz parse --seed 7034`: the line breaks within a string that ends with the file.
#[test]
fn a_string_that_breaks_off_inside_its_braces_is_an_error() {
    let text = "import \"a.${\n { one }\n-fn two() \n> ] = one() + 1\"";
    assert!(!parse_soon("a broken string", text).diagnostics.is_empty());
}

#[test]
fn fifty_levels_are_fine_and_seventy_are_one_error() {
    let shapes = [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{ a: ", "1", " }"),
        ("f(", "1", ")"),
        ("\"${", "1", "}\""),
        ("if a then ", "1", " else 2"),
        ("x => ", "1", ""),
        ("match a { _ => ", "1", " }"),
    ];
    for (open, inner, close) in shapes {
        let nested = |n: usize| {
            let value = format!("{}{inner}{}", open.repeat(n), close.repeat(n));
            format!("const A: int = {value}\nconst B: int = 2\n")
        };
        let levels = if open.starts_with("if") || open.starts_with("match") {
            20
        } else {
            50
        };
        let fine = parse_soon(open, &nested(levels));
        assert!(fine.diagnostics.is_empty(), "{open}: {:?}", fine.diagnostics);
        for n in [70, 1_000] {
            let deep = parse_soon(open, &nested(n));
            assert_eq!(codes(&deep), ["F0104"], "{open} {n}: {:#?}", deep.diagnostics);
            assert_eq!(deep.ast.items.len(), 2, "{open} {n}");
            assert!(matches!(deep.ast.items[1], Item::Const(_)), "{open} {n}");
        }
    }
}

#[test]
fn types_and_brackets_of_edges_are_bounded_too() {
    for (open, close) in [
        ("[", "]"),
        ("{ a: ", " }"),
        ("(", ")"),
        ("() -> ", ""),
        ("map<", ">"),
    ] {
        let text = format!(
            "type A = {}int{}\ntype B = int\n",
            open.repeat(100_000),
            close.repeat(100_000)
        );
        let parsed = parse_soon(open, &text);
        assert!(!parsed.diagnostics.is_empty(), "{open}");
        assert_eq!(parsed.ast.items.len(), 2, "{open}");
    }
    let text = format!(
        "flow f() {{\n  start -> {}a{} -> b\n  task a {{ }}\n}}\n",
        "[".repeat(200),
        "]".repeat(200)
    );
    assert_eq!(codes(&parse_soon("edges", &text)), ["F0104"]);
}

#[test]
fn a_hundred_thousand_of_anything_is_an_error_or_fine() {
    let many = 100_000;
    let texts = [
        format!("const A: int = {}1\n", "-".repeat(many)),
        format!("const A: int = {}1\n", "- ".repeat(many)),
        format!("const A: bool = {}true\n", "not ".repeat(many)),
        format!("const A: bool = {}true\n", "!".repeat(many)),
        format!("const A: int = 1{}\n", " + 1".repeat(many)),
        format!("const A: int = a{}\n", ".b".repeat(many)),
        format!("const A: int = a{}\n", "[0]".repeat(many)),
        format!("const A: int = a{}\n", "()".repeat(many)),
        format!("const A: int = a{}\n", " as int".repeat(many)),
        format!("const A: int = {}\n", "(".repeat(many)),
        format!("const A: int = {}\n", "[".repeat(many)),
        format!("const A: int = {}\n", "{".repeat(many)),
        format!("const A: int = {}\n", ")".repeat(many)),
        format!("const A: int = {}\n", "}".repeat(many)),
        format!("const A: int = {}\n", "\"${".repeat(many)),
        format!("const A: int = {}\n", "(\n".repeat(many)),
        format!("const A: int = {}\n", "{\n".repeat(many)),
        format!("const A: int = {}1\n", "if a then ".repeat(many)),
        format!("const A: int = {}1\n", "if ".repeat(many)),
        format!("const A: int = {}1 else 1\n", "if a then 1 else ".repeat(many)),
        format!("const A: int = {}1\n", "x => ".repeat(many)),
        format!("const A: int = {}1\n", "match ".repeat(many)),
        format!("const A: int = {}\n", "a ? b : ".repeat(many)),
        format!("const A: int = {}\n", "a < ".repeat(many)),
        format!("const A: int = x as a{}\n", "<a".repeat(many)),
        format!("type A = int{}\n", "?".repeat(many)),
        format!("type A = int{}\n", " ?".repeat(many)),
        format!("type A = {}\n", "a<".repeat(many)),
        format!("flow f() {{ {}\n }}\n", "a -> ".repeat(many)),
        format!("flow f() {{ {}b\n }}\n", "a -> ".repeat(many)),
        format!("flow f() {{ {}\n }}\n", "[a, ".repeat(many)),
        format!(
            "test \"t\" for f {{ mock w {}never }}\n",
            "fails a times 1 then ".repeat(many)
        ),
        ";".repeat(many),
        "'".repeat(many),
        "\"".repeat(many + 1),
        "\"\"\"".repeat(many + 1),
        "\0".repeat(many),
        "ä".repeat(many),
        "→".repeat(many),
        "/*".repeat(many),
        "# x\n".repeat(many),
        "/// x\n".repeat(many),
        "a\n".repeat(many),
        "\r".repeat(many),
        "${".repeat(many),
        "type ".repeat(many),
        "flow f() {\n".repeat(many / 5),
    ];
    for text in texts {
        let shown: String = text.chars().take(40).collect();
        // Broken text is parsed a second time, slowly, to learn what was expected; it must only stay linear.
        parse_within(SOON * 5, &shown, &text);
    }
}

#[test]
fn a_stray_megabyte_is_read_soon() {
    let flow = example().replace("//!", "//");
    let text = flow.repeat(1_000_000 / flow.len() + 1);
    let start = Instant::now();
    let parsed = parse(FileId(0), &text);
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics.first());
    assert!(
        start.elapsed() < Duration::from_secs(if cfg!(debug_assertions) { 90 } else { 2 }),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn every_prefix_of_a_file_ends_soon() {
    let text = example();
    let mut at = 0;
    while at < text.len() {
        parse_soon("a prefix", &text[..at]);
        at += if cfg!(debug_assertions) { 97 } else { 1 };
        while at < text.len() && !text.is_char_boundary(at) {
            at += 1;
        }
    }
}

#[test]
fn every_token_may_be_missing_or_stand_twice() {
    let text = example();
    let step = if cfg!(debug_assertions) { 37 } else { 1 };
    for (start, end) in tokens(&text).into_iter().step_by(step) {
        parse_soon(
            "a file without a token",
            &format!("{}{}", &text[..start], &text[end..]),
        );
        parse_soon(
            "a file with a token twice",
            &format!("{} {}", &text[..end], &text[start..]),
        );
    }
}

/// Words and single symbols, near enough to tokens.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = 0;
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !word(c) || chars.peek().is_none_or(|(_, next)| !word(*next)) {
            let from = if word(c) { start } else { at };
            if !c.is_whitespace() {
                found.push((from, at + c.len_utf8()));
            }
            start = at + c.len_utf8();
        }
    }
    found
}

#[test]
fn five_mistakes_give_five_messages_and_leave_their_neighbours() {
    let text = "type A = int\ntype = string\nfn f(a int) -> int = a\nconst B: int = \"abc\nflow g(x: int) {\n  start -> a -> end\n  state {\n    n: int by add\n    m int\n  }\n  task a {\n    call w(\n    n <- 1\n  }\n  task b {\n    timeout: 5s\n    m <- 2\n  }\n}\nconst C: int = 3\n";
    let parsed = parse_soon("five mistakes", text);
    assert_eq!(
        codes(&parsed),
        ["F0101", "F0101", "F0106", "F0101", "F0102", "F0101"],
        "{:#?}",
        parsed.diagnostics
    );
    assert_eq!(parsed.ast.items.len(), 6);
    assert!(matches!(&parsed.ast.items[5], Item::Const(_)));
    let Item::Flow(flow) = &parsed.ast.items[4] else {
        panic!("{:?}", parsed.ast.items[4])
    };
    assert_eq!(
        flow.nodes()
            .map(|node| node.name.name.as_str())
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(flow.state().count(), 1);
    assert_eq!(
        flow.nodes().map(|node| node.clauses.len()).collect::<Vec<_>>(),
        [2, 2]
    );
}

#[test]
fn line_ends_of_every_system_and_a_byte_order_mark_give_the_same_tree() {
    let text = example();
    let tree = |text: &str| {
        let parsed = parse_soon("line ends", text);
        assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics.first());
        flow_grammar::dump(&parsed.ast, false)
    };
    let unix = tree(&text);
    assert_eq!(unix, tree(&text.replace('\n', "\r\n")), "CRLF");
    assert_eq!(unix, tree(&text.replace('\n', "\r")), "CR");
    assert_eq!(unix, tree(&format!("\u{feff}{text}")), "byte order mark");
    assert_eq!(unix, tree(&text.replace("  ", "\t")), "tabs");
}

#[test]
fn bytes_that_are_no_text_are_reported_at_their_place() {
    let error = flow_grammar::decode(b"const A: int = \xff1\n".to_vec()).unwrap_err();
    assert_eq!(error.offset, 15);
    let mut map = SourceMap::new();
    let file = map.add("a.flow", error.text.as_str());
    let diagnostic = error.diagnostic(file);
    assert_eq!(diagnostic.code.as_str(), "F0121");
    assert_eq!(map.start(diagnostic.span().unwrap()).column, 16);
    assert_eq!(flow_grammar::decode(b"abc".to_vec()).unwrap(), "abc");
}
