//! What names mean outside of bodies: which items each module declares and imports, in which namespace,
//! and what is declared twice. Names inside of bodies are looked up in `lower`.

mod nearest;

use std::collections::BTreeMap;

use flow_diagnostics::codes::{lints, names as codes};
use flow_diagnostics::{Diagnostic, Span};
use flow_grammar::ast::{self, Ident, Item};

use crate::project::Project;

pub(crate) use nearest::nearest;

/// What a name of the top level stands for: an index into [`Names`]' list of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    Type(u32),
    Enum(u32),
    Const(u32),
    Fn(u32),
    Worker(u32),
    Flow(u32),
    /// From a file that is missing: of unknown kind, and nothing is said about it.
    Unknown,
}

/// The three namespaces of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Space {
    Types,
    Callables,
    Values,
}

/// A name of a module.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub symbol: Symbol,
    /// Where it was declared or imported.
    pub span: Span,
    pub imported: bool,
    pub used: bool,
}

/// The names of one module.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub types: BTreeMap<String, Entry>,
    pub callables: BTreeMap<String, Entry>,
    pub values: BTreeMap<String, Entry>,
    /// For each variant name: the enums that have it, as names of this module.
    pub variants: BTreeMap<String, Vec<(u32, String)>>,
}

/// A declaration and the module that it stands in.
pub(crate) struct Declared<'a, T> {
    pub module: usize,
    pub decl: &'a T,
}

impl<T> Clone for Declared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Declared<'_, T> {}

/// All items of a program by kind, entry module first, and the names of each module.
#[derive(Default)]
pub(crate) struct Names<'a> {
    pub scopes: Vec<Scope>,
    pub types: Vec<Declared<'a, ast::TypeDecl>>,
    pub enums: Vec<Declared<'a, ast::EnumDecl>>,
    pub consts: Vec<Declared<'a, ast::ConstDecl>>,
    pub fns: Vec<Declared<'a, ast::FnDecl>>,
    pub workers: Vec<Declared<'a, ast::WorkerDecl>>,
    pub flows: Vec<Declared<'a, ast::FlowDecl>>,
}

/// Types that need no declaration.
pub(crate) const BUILTIN_TYPES: &[&str] = &[
    "bool",
    "int",
    "float",
    "string",
    "duration",
    "time",
    "json",
    "secret",
    "map",
    "ErrorClass",
];

/// Functions that need no declaration.
pub(crate) const BUILTIN_FNS: &[&str] = &["hash", "range", "file", "template"];

impl Scope {
    fn space(&mut self, space: Space) -> &mut BTreeMap<String, Entry> {
        match space {
            Space::Types => &mut self.types,
            Space::Callables => &mut self.callables,
            Space::Values => &mut self.values,
        }
    }
}

impl<'a> Names<'a> {
    /// Finds all items of all modules and resolves the imports.
    pub(crate) fn collect(project: &'a Project, out: &mut Vec<Diagnostic>) -> Self {
        let mut names = Names::default();
        for (index, module) in project.modules.iter().enumerate() {
            names.scopes.push(Scope::default());
            for item in &module.ast.items {
                names.declare(index, item, out);
            }
        }
        let declared: Vec<_> = names
            .scopes
            .iter()
            .map(|scope| spaces(scope).map(Clone::clone))
            .collect();
        for (index, module) in project.modules.iter().enumerate() {
            let imports = module.ast.items.iter().filter_map(|item| match item {
                Item::Import(import) => Some(import),
                _ => None,
            });
            for (import, source) in imports.zip(&module.imports) {
                names.import(
                    index,
                    import,
                    source.map(|source| (source, &declared[source])),
                    project,
                    out,
                );
            }
        }
        for index in 0..names.scopes.len() {
            names.collect_variants(index);
        }
        names
    }

    fn declare(&mut self, module: usize, item: &'a Item, out: &mut Vec<Diagnostic>) {
        let (symbol, space) = match item {
            Item::Type(decl) => {
                self.types.push(Declared { module, decl });
                (Symbol::Type(self.types.len() as u32 - 1), Space::Types)
            }
            Item::Enum(decl) => {
                self.enums.push(Declared { module, decl });
                (Symbol::Enum(self.enums.len() as u32 - 1), Space::Types)
            }
            Item::Const(decl) => {
                self.consts.push(Declared { module, decl });
                (Symbol::Const(self.consts.len() as u32 - 1), Space::Values)
            }
            Item::Fn(decl) => {
                self.fns.push(Declared { module, decl });
                (Symbol::Fn(self.fns.len() as u32 - 1), Space::Callables)
            }
            Item::Worker(decl) => {
                self.workers.push(Declared { module, decl });
                (Symbol::Worker(self.workers.len() as u32 - 1), Space::Callables)
            }
            Item::Flow(decl) => {
                self.flows.push(Declared { module, decl });
                (Symbol::Flow(self.flows.len() as u32 - 1), Space::Callables)
            }
            Item::Import(_) | Item::Test(_) | Item::Error(_) => return,
        };
        let Some(name) = item.name() else { return };
        check_reserved(name, space, out);
        let entry = Entry {
            symbol,
            span: name.span,
            imported: false,
            used: false,
        };
        self.add(module, space, name, entry, out);
    }

    fn add(&mut self, module: usize, space: Space, name: &Ident, entry: Entry, out: &mut Vec<Diagnostic>) {
        let table = self.scopes[module].space(space);
        match table.get(&name.name) {
            Some(first) if first.span != entry.span && first.symbol != entry.symbol => {
                out.push(defined_twice(name, first.span));
            }
            Some(_) => {}
            None => {
                table.insert(name.name.clone(), entry);
            }
        }
    }

    fn import(
        &mut self,
        module: usize,
        import: &ast::Import,
        source: Option<(usize, &[BTreeMap<String, Entry>; 3])>,
        project: &Project,
        out: &mut Vec<Diagnostic>,
    ) {
        for wanted in &import.names {
            let local = wanted.local();
            let mut found = false;
            for space in [Space::Types, Space::Callables, Space::Values] {
                let symbol = match source {
                    None => Symbol::Unknown,
                    Some((_, tables)) => match tables[space as usize].get(&wanted.name.name) {
                        Some(entry) => entry.symbol,
                        None => continue,
                    },
                };
                found = true;
                let used = source.is_none();
                self.add(
                    module,
                    space,
                    local,
                    Entry {
                        symbol,
                        span: local.span,
                        imported: true,
                        used,
                    },
                    out,
                );
            }
            if let (false, Some((index, tables))) = (found, source) {
                let path = &project.modules[index].path;
                out.push(not_in_module(
                    &wanted.name,
                    path,
                    tables.iter().flat_map(BTreeMap::keys),
                ));
                for space in [Space::Types, Space::Callables, Space::Values] {
                    let entry = Entry {
                        symbol: Symbol::Unknown,
                        span: local.span,
                        imported: true,
                        used: true,
                    };
                    self.scopes[module]
                        .space(space)
                        .entry(local.name.clone())
                        .or_insert(entry);
                }
            }
        }
    }

    fn collect_variants(&mut self, module: usize) {
        let scope = &mut self.scopes[module];
        for (name, entry) in &scope.types {
            let Symbol::Enum(index) = entry.symbol else {
                continue;
            };
            for variant in &self.enums[index as usize].decl.variants {
                scope
                    .variants
                    .entry(variant.name.name.clone())
                    .or_default()
                    .push((index, name.clone()));
            }
        }
    }

    /// Looks up an item of a module and notes that it is used.
    pub(crate) fn find(&mut self, module: usize, space: Space, name: &str) -> Option<Symbol> {
        let entry = self.scopes[module].space(space).get_mut(name)?;
        entry.used = true;
        Some(entry.symbol)
    }

    /// Imports and, in a file that has flows, items that nothing uses.
    pub(crate) fn unused(&self, project: &Project, out: &mut Vec<Diagnostic>) {
        let entry_has_flow = self.flows.iter().any(|flow| flow.module == 0);
        for (index, scope) in self.scopes.iter().enumerate() {
            if project.modules[index].path.starts_with("std.") {
                continue;
            }
            let mut seen: BTreeMap<Span, (bool, &str, bool)> = BTreeMap::new();
            for (name, entry) in spaces(scope).into_iter().flatten() {
                if matches!(entry.symbol, Symbol::Flow(_)) && !entry.imported {
                    continue;
                }
                let known = seen.entry(entry.span).or_insert((false, name, entry.imported));
                known.0 |= entry.used;
            }
            for (span, (used, name, imported)) in seen {
                if used || name.starts_with('_') || !(imported || index == 0 && entry_has_flow) {
                    continue;
                }
                let what = if imported {
                    "is imported but never used"
                } else {
                    "is never used"
                };
                out.push(
                    Diagnostic::new(lints::UNUSED, format!("`{name}` {what}"))
                        .primary(span, "")
                        .help("remove it, or begin its name with `_`"),
                );
            }
        }
    }
}

fn spaces(scope: &Scope) -> [&BTreeMap<String, Entry>; 3] {
    [&scope.types, &scope.callables, &scope.values]
}

/// The finding that a name stands twice in one scope.
pub(crate) fn defined_twice(name: &Ident, first: Span) -> Diagnostic {
    Diagnostic::new(codes::DEFINED_TWICE, format!("`{name}` is defined twice"))
        .primary(name.span, "again here")
        .label(first, "first here")
        .help("give one of them another name")
}

fn check_reserved(name: &Ident, space: Space, out: &mut Vec<Diagnostic>) {
    let taken = match space {
        Space::Types => BUILTIN_TYPES.contains(&name.name.as_str()),
        Space::Callables => BUILTIN_FNS.contains(&name.name.as_str()),
        Space::Values => false,
    };
    if taken {
        out.push(
            Diagnostic::new(
                codes::RESERVED_NAME,
                format!("`{name}` is built into the language"),
            )
            .primary(name.span, "cannot be declared again")
            .help("choose another name"),
        );
    }
}

fn not_in_module<'n>(name: &Ident, path: &str, known: impl Iterator<Item = &'n String>) -> Diagnostic {
    let known: Vec<&str> = known.map(String::as_str).collect();
    let mut diagnostic = Diagnostic::new(codes::NOT_IN_MODULE, format!("`{path}` has no `{name}`"))
        .primary(name.span, "not declared there");
    diagnostic = match nearest(&name.name, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
            format!("import `{near}`"),
            name.span,
            near,
        ),
        None if known.is_empty() => diagnostic.help("it declares nothing that can be imported"),
        None => {
            let list: Vec<String> = known.iter().take(8).map(|name| format!("`{name}`")).collect();
            diagnostic.help(format!("it has {}", list.join(", ")))
        }
    };
    diagnostic
}
