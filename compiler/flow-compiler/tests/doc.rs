//! References of files: `tests/cases/doc/NAME/input.flow` gives `expected.md` and `expected.html`. `BLESS=1` writes
//! what is expected.

#![expect(
    clippy::disallowed_methods,
    reason = "cases lie on the disk, and a test that cannot read one has failed"
)]

use std::fs;
use std::path::Path;

use flow_compiler::doc::{html, markdown, reference};
use flow_compiler::{NoFiles, check_text};

#[test]
fn cases_have_the_references_that_are_expected() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/doc");
    let mut count = 0;
    for case in fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path()) {
        count += 1;
        let text = fs::read_to_string(case.join("input.flow")).unwrap();
        let checked = check_text(&NoFiles, "input.flow", &text);
        let errors: Vec<_> = checked
            .diagnostics
            .iter()
            .filter(|found| found.is_error())
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", case.display());
        let reference = reference(&checked, "input.flow");
        for (name, shown) in [
            ("expected.md", markdown(&reference)),
            ("expected.html", html(&reference)),
        ] {
            let path = case.join(name);
            if std::env::var_os("BLESS").is_some() {
                fs::write(&path, &shown).unwrap();
            }
            let expected = fs::read_to_string(&path).unwrap_or_default();
            assert!(shown == expected, "{} is now\n{shown}", path.display());
            for flow in &checked.program.flows {
                assert!(shown.contains(&flow.name.text), "{name}");
            }
        }
        let page = html(&reference);
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<i>"));
    }
    assert!(count > 1);
}
