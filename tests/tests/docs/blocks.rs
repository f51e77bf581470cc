//! The blocks of README, `docs/`, the examples' pages, and doc comments in `.flow` files; of constants with a value
//! in a comment behind them, that value too.

use flow_tests::{markdown, tree};

use crate::{codes, errors, files};

#[test]
fn blocks_of_pages_compile() {
    let mut findings = Vec::new();
    let mut seen = 0;
    for page in tree::files(&[".md", ".flow"]) {
        if page.path.starts_with("grammar/flow-diagnostics/codes/") || page.path.contains("/cases/") {
            continue;
        }
        let text = page.text();
        let blocks = if page.path.rsplit('.').next() == Some("md") {
            markdown::blocks(&text)
        } else {
            markdown::doc_blocks(&text)
        };
        let others = files(&blocks);
        for block in blocks.iter().filter(|block| block.language == "flow") {
            seen += 1;
            let said = codes(&with_values(&block.text), &others);
            let wanted = match (block.word("fails"), block.word("warns")) {
                (Some(code), _) => errors(&said) == [code],
                (_, Some(code)) => errors(&said).is_empty() && said.iter().any(|(c, _)| c == code),
                _ => errors(&said).is_empty(),
            };
            if !wanted {
                findings.push(format!("{}:{}: {said:?}", page.path, block.line));
            }
        }
    }
    assert!(seen >= 10, "only {seen} blocks were found");
    crate::assert_none(
        &findings,
        "blocks that the compiler does not take as the page says",
    );
}

/// A block in which every `const NAME: T = …  // value` is also compared with the value that its comment gives:
/// constants are evaluated by the compiler, so a wrong comment is an error.
fn with_values(text: &str) -> String {
    let checks = text.lines().filter_map(|line| {
        let (declared, value) = line.split_once(" // ")?;
        let name = declared.strip_prefix("const ")?.split(':').next()?;
        Some(format!(
            "const {name}_GIVEN: bool where it = {name} == {}\n",
            value.trim()
        ))
    });
    format!("{text}\n{}", checks.collect::<String>())
}

#[test]
fn a_wrong_comment_is_found() {
    let text = "const A: int = 1 + 1 // 3";
    let said = codes(&with_values(text), &files(&[]));
    assert_eq!(errors(&said), ["F0314"]);
    let text = "const A: int = 1 + 1 // 2";
    let said = codes(&with_values(text), &files(&[]));
    assert!(errors(&said).is_empty(), "{said:?}");
}
