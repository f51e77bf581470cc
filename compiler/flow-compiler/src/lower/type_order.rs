//! In which order declared types are resolved: what a type names before the type itself, however long the chain is. So
//! the depth of the recursion is that of one declaration, and not that of the file. What a type means is in `types`.

use std::collections::BTreeMap;

use flow_grammar::ast::{TypeExpr, TypeKind};

use super::Lower;
use crate::names::Symbol;
use crate::types::Ty;

/// A declared type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    Type(u32),
    Enum(u32),
}

/// How far the walk is with a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visit {
    /// What it names is being resolved.
    Open,
    Done,
}

impl Lower<'_> {
    /// Resolves all declared types and enums. Where they name each other in a circle, the one that is met again
    /// gets its handle first and its fields last.
    pub(super) fn resolve_types(&mut self) {
        let types = (0..self.names.types.len() as u32).map(Named::Type);
        let enums = (0..self.names.enums.len() as u32).map(Named::Enum);
        let roots: Vec<Named> = types.chain(enums).collect();
        let mut visits: BTreeMap<Named, Visit> = BTreeMap::new();
        let mut ahead: BTreeMap<Named, Ty> = BTreeMap::new();
        let mut walk: Vec<(Named, Vec<Named>)> = Vec::new();
        for root in roots {
            self.visit(root, &mut visits, &mut walk);
            while let Some((named, pending)) = walk.last_mut() {
                let named = *named;
                let Some(next) = pending.pop() else {
                    walk.pop();
                    self.resolve(named, ahead.remove(&named));
                    visits.insert(named, Visit::Done);
                    continue;
                };
                if visits.get(&next) == Some(&Visit::Open) {
                    let handle = match next {
                        Named::Type(index) => self.type_ahead(index),
                        Named::Enum(index) => self.enum_ahead(index),
                    };
                    ahead.extend(handle.map(|handle| (next, handle)));
                }
                self.visit(next, &mut visits, &mut walk);
            }
        }
    }

    fn visit(
        &mut self,
        named: Named,
        visits: &mut BTreeMap<Named, Visit>,
        walk: &mut Vec<(Named, Vec<Named>)>,
    ) {
        if let std::collections::btree_map::Entry::Vacant(entry) = visits.entry(named) {
            entry.insert(Visit::Open);
            let mut pending = self.named_by(named);
            pending.reverse();
            walk.push((named, pending));
        }
    }

    fn resolve(&mut self, named: Named, handle: Option<Ty>) {
        match (named, handle) {
            (Named::Type(index), Some(handle)) => self.fill_type(index, handle),
            (Named::Type(index), None) => self.declared_type(index),
            (Named::Enum(index), Some(handle)) => self.fill_enum(index, handle),
            (Named::Enum(index), None) => {
                self.enum_ty(index);
            }
        }
    }

    /// The declared types that a declaration names, in their order.
    fn named_by(&self, named: Named) -> Vec<Named> {
        let mut found = Vec::new();
        match named {
            Named::Type(index) => {
                let item = self.names.types[index as usize];
                self.names_in(item.module, &item.decl.ty, &mut found);
            }
            Named::Enum(index) => {
                let item = self.names.enums[index as usize];
                let fields = item.decl.variants.iter().flat_map(|variant| &variant.fields);
                for field in fields {
                    self.names_in(item.module, &field.ty, &mut found);
                }
            }
        }
        found
    }

    fn names_in(&self, module: usize, written: &TypeExpr, found: &mut Vec<Named>) {
        match &written.kind {
            TypeKind::Named { name, args } => {
                match self.names.scopes[module]
                    .types
                    .get(&name.name)
                    .map(|entry| entry.symbol)
                {
                    Some(Symbol::Type(index)) => found.push(Named::Type(index)),
                    Some(Symbol::Enum(index)) => found.push(Named::Enum(index)),
                    _ => {}
                }
                for arg in args {
                    self.names_in(module, arg, found);
                }
            }
            TypeKind::List(inner)
            | TypeKind::Nullable(inner)
            | TypeKind::Where(inner, _)
            | TypeKind::Paren(inner) => self.names_in(module, inner, found),
            TypeKind::Record(fields) => {
                for field in fields {
                    self.names_in(module, &field.ty, found);
                }
            }
            TypeKind::Function(params, result) => {
                for param in params {
                    self.names_in(module, param, found);
                }
                self.names_in(module, result, found);
            }
            TypeKind::Error => {}
        }
    }
}
