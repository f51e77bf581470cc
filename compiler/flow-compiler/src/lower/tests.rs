//! Tests of flows: that they name a flow that there is. What they do is checked where they are run.

use flow_diagnostics::codes::names as codes;
use flow_grammar::ast::Item;

use super::Lower;
use crate::names::{Space, Symbol};

impl Lower<'_> {
    pub(super) fn lower_tests(&mut self) {
        let project = self.project;
        for (index, module) in project.modules.iter().enumerate() {
            for item in &module.ast.items {
                let Item::Test(test) = item else { continue };
                match self.find(index, Space::Callables, &test.flow.name) {
                    Some(Symbol::Flow(_) | Symbol::Unknown) => {}
                    Some(_) => {
                        self.error(
                            codes::WRONG_KIND,
                            test.flow.span,
                            format!("`{}` is no flow", test.flow),
                            "",
                        );
                    }
                    None => {
                        let cx = super::Cx::new(index);
                        self.unknown_callable(&cx, &test.flow, "flow");
                    }
                }
            }
        }
    }
}
