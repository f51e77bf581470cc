//! JSON Schema of what files declare: `tests/cases/schema/NAME/input.flow` gives `expected.json`. `BLESS=1` writes
//! what is expected.

#![expect(
    clippy::disallowed_methods,
    reason = "cases lie on the disk, and a test that cannot read one has failed"
)]

use std::fs;
use std::path::Path;

use flow_compiler::{NoFiles, check_text, schema};

#[test]
fn cases_have_the_schemas_that_are_expected() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/schema");
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
        let shown = format!("{:#}\n", schema::of_program(&checked.program));
        let expected = case.join("expected.json");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &shown).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap();
        assert!(shown == expected, "{} gives\n{shown}", case.display());
        for name in schema::names(&checked.program) {
            assert!(
                schema::of_name(&checked.program, name).is_some(),
                "{name} has no schema"
            );
        }
        assert!(schema::of_name(&checked.program, "nobody").is_none());
    }
    assert!(count > 1);
}
