//! The blocks of README, `docs/`, the examples' pages, and doc comments in `.flow` files.

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
            let said = codes(&block.text, &others);
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
