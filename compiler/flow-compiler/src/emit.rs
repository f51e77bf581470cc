//! What a program looks like between the stages: the texts behind `--emit`, and of snapshots. How the syntax tree is
//! printed is the grammar's, how the high-level representation is, is in `hir::print`.

use flow_diagnostics::SourceMap;

use crate::Checked;

/// The syntax tree of a text, without what is wrong with it.
pub fn ast(path: &str, text: &str) -> String {
    let mut sources = SourceMap::new();
    let file = sources.add(path, text);
    flow_grammar::dump(&flow_grammar::parse(file, text).ast, false)
}

/// The high-level representation of a program; complete only if it has no errors.
pub fn hir(checked: &Checked) -> String {
    crate::hir::print::print(&checked.program)
}
