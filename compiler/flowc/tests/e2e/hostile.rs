//! Sources that nobody should write: each gives diagnostics or a clean check, quickly, never a panic or an abort.

use std::time::{Duration, Instant};

use crate::harness::Desk;

const HELLO: &str = "flow hello(name: string = \"world\") -> string {\n  state { text: string }\n  start -> greet -> end\n  transform greet { text <- \"Hello, ${name}!\" }\n  return text\n}\n";

#[test]
fn an_empty_file_is_fine() {
    assert_eq!(Desk::with("").codes(), (vec![], 0));
    assert_eq!(Desk::with("\n\n// nothing\n").codes(), (vec![], 0));
}

#[test]
fn marks_and_line_ends_of_other_systems_are_fine() {
    assert_eq!(Desk::with(HELLO).codes(), (vec![], 0));
    assert_eq!(
        Desk::with(format!("\u{FEFF}{HELLO}")).codes(),
        (vec![], 0),
        "byte order mark"
    );
    assert_eq!(
        Desk::with(HELLO.replace('\n', "\r\n")).codes(),
        (vec![], 0),
        "CRLF"
    );
    assert_eq!(
        Desk::with(HELLO.trim_end()).codes(),
        (vec![], 0),
        "no line break at the end"
    );
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let mut bytes = HELLO.as_bytes().to_vec();
    bytes[20] = 0xFF;
    let (codes, exit) = Desk::with(bytes).codes();
    assert_eq!((codes.len(), exit), (1, 1), "{codes:?}");
    let utf16: Vec<u8> = HELLO.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(Desk::with(utf16).codes().1, 1);
    assert_eq!(Desk::with([0_u8; 4096]).codes().1, 1);
}

#[test]
fn brackets_nest_deeply_and_not_without_end() {
    let nested = |depth: usize| format!("fn f() -> int = {}1{}\n", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(Desk::with(nested(50)).codes(), (vec![], 0));
    let begun = Instant::now();
    for depth in [100, 100_000] {
        let (codes, exit) = Desk::with(nested(depth)).codes();
        assert_eq!(
            (codes.as_slice(), exit),
            (["F0104".to_string()].as_slice(), 1),
            "{depth} levels"
        );
    }
    for text in [
        "(".repeat(50),
        "[".repeat(100_000),
        "{".repeat(100_000),
        "not ".repeat(100_000),
        "-".repeat(100_000),
        "if a then ".repeat(50_000),
    ] {
        let (codes, exit) = Desk::with(format!("fn f() -> int = {text}\n")).codes();
        assert!(!codes.is_empty() && exit == 1, "{}…", &text[..20]);
    }
    assert!(
        begun.elapsed() < Duration::from_mins(4),
        "took {:?}",
        begun.elapsed()
    );
}

/// Each declaration needs the next, for as long as the file goes on, and the last may need the first again.
#[test]
fn chains_of_declarations_are_no_deep_recursion() {
    let chain = |each: fn(usize, usize) -> String, end: &str| -> String {
        let links: String = (0..20_000).map(|at| each(at, at + 1)).collect();
        links + end
    };
    let fine = [
        chain(
            |at, next| format!("type T{at} = {{ a: int, next: T{next}? }}\n"),
            "type T20000 = { first: T0? }\n",
        ),
        chain(
            |at, next| format!("type T{at} = [T{next}]\n"),
            "type T20000 = int\n",
        ),
        chain(
            |at, next| format!("type T{at}<X> = {{ next: T{next}<X>? }}\n"),
            "type T20000<X> = { x: X }\n",
        ),
        chain(
            |at, next| format!("enum E{at} {{ a(x: E{next}?), b }}\n"),
            "enum E20000 { a(x: E0?), b }\n",
        ),
        chain(
            |at, next| format!("fn f{at}() -> int = f{next}()\n"),
            "fn f20000() -> int = 1\n",
        ),
    ];
    for text in fine {
        assert_eq!(Desk::with(text.as_str()).codes(), (vec![], 0), "{}…", &text[..40]);
    }
    let deep = [
        chain(
            |at, next| format!("const C{at}: int = C{next}\n"),
            "const C20000: int = 1\n",
        ),
        chain(
            |at, next| format!("fn f{at}() -> int = f{next}()\n"),
            "fn f20000() -> int = 1\nconst C: int = f0()\n",
        ),
    ];
    for text in deep {
        assert_eq!(
            Desk::with(text.as_str()).codes(),
            (vec!["F0314".to_string()], 1),
            "{}…",
            &text[..40]
        );
    }
}

/// Keywords are names wherever no clause can begin; the thirteen reserved words are not.
#[test]
fn flows_are_named_like_keywords() {
    for word in [
        "task", "flow", "route", "timeout", "call", "by", "state", "worker", "test", "each",
    ] {
        let (codes, exit) = Desk::with(HELLO.replace("hello", word)).codes();
        assert!(exit == 0, "flow {word}: {codes:?}");
    }
    for word in ["match", "true", "if", "where"] {
        let (codes, exit) = Desk::with(HELLO.replace("hello", word)).codes();
        assert!(
            codes.contains(&"F0110".to_string()) && exit == 1,
            "flow {word}: {codes:?}"
        );
    }
}

#[test]
fn ten_megabytes_take_seconds() {
    let line =
        "// A remark that nobody reads, repeated until the file is large enough to matter to somebody.\n";
    let mut text = line.repeat(10_000_000 / line.len());
    text.push_str(HELLO);
    let begun = Instant::now();
    assert_eq!(Desk::with(&text).codes(), (vec![], 0));
    assert_eq!(Desk::with("x".repeat(100_000)).codes().1, 1);
    assert_eq!(
        Desk::with(format!("fn f() -> string = \"{}\"\n", "x".repeat(1_000_000))).codes(),
        (vec![], 0)
    );
    assert!(
        begun.elapsed() < Duration::from_mins(4),
        "took {:?}",
        begun.elapsed()
    );
}

/// One mistake is one message, and what stands beside it is still checked.
#[test]
fn five_mistakes_are_five_messages() {
    let text = "fn a() -> int = 1 +\n\nfn b() -> int = \"text\"\n\nfn c( -> int = 3\n\nfn d() -> int = unknown\n\nfn e() -> string = 'x'\n\nfn fine() -> int = 7\n";
    let (codes, exit) = Desk::with(text).codes();
    assert!((5..=6).contains(&codes.len()) && exit == 1, "{codes:?}");
    for code in ["F0102", "F0112", "F0205"] {
        assert!(codes.iter().any(|given| given == code), "no {code}: {codes:?}");
    }
}

#[test]
fn files_that_are_none_are_named() {
    let desk = Desk::with(HELLO);
    let ran = desk.flowc(&["check", "nowhere.flow"]);
    ran.expect(1);
    assert!(format!("{ran}").contains("nowhere.flow"));
    let folder = desk.flowc(&["check", "."]);
    assert!(
        matches!(folder.code, Some(0..=2)) && !folder.stderr.contains("panicked"),
        "{folder}"
    );
}

#[test]
fn imports_go_wrong_in_every_way() {
    let desk = Desk::with("import \"main.flow\" { a }\nfn a() -> int = 1\n");
    assert_eq!(desk.codes().1, 1, "imports itself");
    let desk = Desk::with("import \"b.flow\" { b }\nfn a() -> int = b()\n");
    assert_eq!(
        desk.codes(),
        (vec!["F0201".to_string()], 1),
        "a missing file is all that is said"
    );
    desk.write("b.flow", "import \"main.flow\" { a }\nfn b() -> int = 1\n");
    let circles = desk.codes().0.iter().filter(|code| *code == "F0202").count();
    assert_eq!(circles, 1, "a circle is reported once: {:?}", desk.codes());
    let desk = Desk::with("import \"../../../../etc/passwd\" { root }\nfn a() -> int = 1\n");
    assert_eq!(desk.codes().1, 1);
}
