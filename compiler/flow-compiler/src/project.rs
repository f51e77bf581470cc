//! Files and imports: which files a program consists of, loaded and parsed once each. What the names in
//! them mean is in `names`. Nothing here reads a disk: texts come from a [`Loader`].

use std::collections::BTreeMap;

use flow_diagnostics::codes::names as codes;
use flow_diagnostics::{Diagnostic, FileId, SourceMap, Span};
use flow_grammar::NotUtf8;
use flow_grammar::ast::{self, ImportPath, Item};

/// Where texts come from: a disk, an editor, a table in a test.
pub trait Loader {
    /// The text of the file at `path`. Paths are those of the entry, joined with what imports name, with `/`
    /// between their parts and without `.` and `..` inside.
    fn load(&self, path: &str) -> Result<String, LoadError>;
}

/// Why a text could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// There is no such file.
    NotFound,
    /// It is not UTF-8; [`decode`](crate::decode) says where.
    NotText(NotUtf8),
    /// Anything else, as a person would say it.
    Other(String),
}

/// A loader that has no files: for a text that stands alone.
pub struct NoFiles;

impl Loader for NoFiles {
    fn load(&self, _: &str) -> Result<String, LoadError> {
        Err(LoadError::NotFound)
    }
}

impl<F: Fn(&str) -> Result<String, LoadError>> Loader for F {
    fn load(&self, path: &str) -> Result<String, LoadError> {
        self(path)
    }
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no such file"),
            Self::NotText(wrong) => write!(f, "it is not UTF-8 text: {wrong}"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

/// All files of a program, parsed. The entry is the first module.
pub(crate) struct Project {
    /// Their texts.
    pub sources: SourceMap,
    /// The modules, in order of loading.
    pub modules: Vec<Module>,
    /// The templates that they name, by path, or why they could not be had.
    pub templates: BTreeMap<String, Result<ast::StrLit, LoadError>>,
    /// What is wrong with texts and imports.
    pub diagnostics: Vec<Diagnostic>,
}

/// A file that has been parsed.
pub(crate) struct Module {
    /// How it is known: a path, or `std.chat`.
    pub path: String,
    /// Its tree.
    pub ast: ast::SourceFile,
    /// For each import, in order: the module it names, unless that is missing.
    pub imports: Vec<Option<usize>>,
}

/// A text to begin with, or the path of one.
pub(crate) enum Entry<'a> {
    /// To be loaded.
    Path(&'a str),
    /// Given.
    Text(&'a str, &'a str),
}

impl Project {
    /// Loads and parses the entry and everything that it imports, directly or round a corner.
    pub(crate) fn load(loader: &dyn Loader, entry: &Entry<'_>) -> Self {
        let mut load = Loading {
            loader,
            project: Project {
                sources: SourceMap::new(),
                modules: Vec::new(),
                templates: BTreeMap::new(),
                diagnostics: Vec::new(),
            },
            known: BTreeMap::new(),
            stack: Vec::new(),
        };
        match entry {
            Entry::Text(path, text) => {
                load.module(&clean(path), (*text).to_string());
            }
            Entry::Path(path) => match loader.load(path) {
                Ok(text) => {
                    load.module(&clean(path), text);
                }
                Err(error) => load.no_entry(path, &error),
            },
        }
        load.project
    }
}

struct Loading<'a> {
    loader: &'a dyn Loader,
    project: Project,
    known: BTreeMap<String, Option<usize>>,
    /// The modules that are being loaded, with the import that each one waits for.
    stack: Vec<(usize, Span)>,
}

impl Loading<'_> {
    fn module(&mut self, path: &str, text: String) -> usize {
        let file = self.project.sources.add(path, text);
        let parsed = flow_grammar::parse(file, self.project.sources.text(file));
        self.project.diagnostics.extend(parsed.diagnostics);
        let index = self.project.modules.len();
        self.known.insert(path.to_string(), Some(index));
        for template in &parsed.ast.templates {
            self.template(&beside(path, template));
        }
        let wanted: Vec<(ImportPath, Span)> = parsed.ast.items.iter().filter_map(import_of).collect();
        self.project.modules.push(Module {
            path: path.to_string(),
            ast: parsed.ast,
            imports: Vec::new(),
        });
        for (wanted, span) in wanted {
            self.stack.push((index, span));
            let found = self.import(path, &wanted, span);
            self.stack.pop();
            self.project.modules[index].imports.push(found);
        }
        index
    }

    fn import(&mut self, from: &str, wanted: &ImportPath, span: Span) -> Option<usize> {
        let (path, std) = match wanted {
            ImportPath::Module(parts, _) => {
                let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
                (names.join("."), true)
            }
            ImportPath::File(text) => match text.plain() {
                Some(path) => (beside(from, path), false),
                None => return self.interpolated(text.span),
            },
        };
        if let Some(known) = self.known.get(&path) {
            let known = *known;
            if let Some(index) = known {
                self.close_cycle(index, wanted.span(), span);
            }
            return known;
        }
        let text = if std {
            flow_stdlib::module(&path).map(str::to_string)
        } else {
            self.file(&path, wanted)
        };
        if std && text.is_none() {
            self.unknown_module(&path, wanted.span());
        }
        let Some(text) = text else {
            self.known.insert(path, None);
            return None;
        };
        Some(self.module(&path, text))
    }

    /// Loads a template and those that it names, once each. Where one is used, what is wrong with it is said.
    fn template(&mut self, path: &str) {
        if self.project.templates.contains_key(path) {
            return;
        }
        let text = match self.loader.load(path) {
            Ok(text) => text,
            Err(error) => {
                self.project.templates.insert(path.to_string(), Err(error));
                return;
            }
        };
        let file = self.project.sources.add(path, text);
        let parsed = flow_grammar::parse_template(file, self.project.sources.text(file));
        self.project.diagnostics.extend(parsed.diagnostics);
        self.project.templates.insert(path.to_string(), Ok(parsed.text));
        for inner in &parsed.templates {
            self.template(&beside(path, inner));
        }
    }

    fn file(&mut self, path: &str, wanted: &ImportPath) -> Option<String> {
        match self.loader.load(path) {
            Ok(text) => Some(text),
            Err(LoadError::NotText(wrong)) => {
                self.not_text(path, &wrong);
                None
            }
            Err(error) => {
                self.project.diagnostics.push(
                    Diagnostic::new(
                        codes::MISSING_FILE,
                        format!("the file `{path}` cannot be imported"),
                    )
                    .primary(wanted.span(), error.to_string())
                    .help("paths are relative to the file that names them"),
                );
                None
            }
        }
    }

    fn interpolated(&mut self, span: Span) -> Option<usize> {
        self.project.diagnostics.push(
            Diagnostic::new(codes::MISSING_FILE, "the path of an import cannot be computed")
                .primary(span, "contains `${…}`")
                .help("write the path as it is"),
        );
        None
    }

    fn unknown_module(&mut self, path: &str, span: Span) {
        let near = crate::names::nearest(path, flow_stdlib::MODULES.iter().map(|(name, _)| *name));
        let known: Vec<String> = flow_stdlib::MODULES
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if path.starts_with("std.") => format!("the standard library has {}", known.join(", ")),
            None => format!("files are imported by path: import \"{path}.flow\" {{ … }}"),
        };
        self.project.diagnostics.push(
            Diagnostic::new(codes::UNKNOWN_MODULE, format!("there is no module `{path}`"))
                .primary(span, "not in the standard library")
                .help(help),
        );
    }

    /// Says that an import leads back to a module that is still being loaded.
    fn close_cycle(&mut self, index: usize, at: Span, import: Span) {
        let Some(from) = self.stack.iter().position(|(module, _)| *module == index) else {
            return;
        };
        let ring: Vec<(usize, Span)> = self.stack[from..].to_vec();
        let mut names: Vec<String> = ring
            .iter()
            .map(|(module, _)| format!("`{}`", self.project.modules[*module].path))
            .collect();
        let first = names[0].clone();
        names.push(first.clone());
        let message = if ring.len() == 1 {
            format!("{first} imports itself")
        } else {
            format!("these files import each other: {}", names.join(" → "))
        };
        let mut diagnostic =
            Diagnostic::new(codes::IMPORT_CYCLE, message).primary(at, "this import closes the cycle");
        for (_, span) in ring.iter().filter(|(_, span)| *span != import) {
            diagnostic = diagnostic.label(*span, "which is imported from here");
        }
        self.project
            .diagnostics
            .push(diagnostic.help("move what both need into a file that imports neither"));
    }

    /// Shows the place at which a file stops being text.
    fn not_text(&mut self, path: &str, wrong: &NotUtf8) -> FileId {
        let file = self.project.sources.add(path, wrong.text.as_str());
        self.project.diagnostics.push(wrong.diagnostic(file));
        file
    }

    fn no_entry(&mut self, path: &str, error: &LoadError) {
        let file = if let LoadError::NotText(wrong) = error {
            self.not_text(path, wrong)
        } else {
            let file = self.project.sources.add(path, "");
            let message = format!("`{path}` cannot be read: {error}");
            let missing = Diagnostic::new(codes::MISSING_FILE, message).primary(Span::at(file, 0), "");
            self.project.diagnostics.push(missing);
            file
        };
        let ast = ast::SourceFile {
            file,
            doc: None,
            items: Vec::new(),
            lost: Vec::new(),
            templates: Vec::new(),
            span: Span::at(file, 0),
        };
        self.project.modules.push(Module {
            path: path.to_string(),
            ast,
            imports: Vec::new(),
        });
    }
}

fn import_of(item: &Item) -> Option<(ImportPath, Span)> {
    match item {
        Item::Import(import) => Some((import.path.clone(), import.span)),
        _ => None,
    }
}

/// The path `wanted`, as seen from the file `from`.
pub(crate) fn beside(from: &str, wanted: &str) -> String {
    if wanted.starts_with('/') {
        return clean(wanted);
    }
    match from.rsplit_once('/') {
        Some((folder, _)) => clean(&format!("{folder}/{wanted}")),
        None => clean(wanted),
    }
}

/// A path without `.`, and without `..` where it can be done.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| !last.is_empty() && *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_file_that_names_them() {
        assert_eq!(beside("main.flow", "workers.flow"), "workers.flow");
        assert_eq!(beside("a/b/main.flow", "../c.flow"), "a/c.flow");
        assert_eq!(beside("main.flow", "../c.flow"), "../c.flow");
        assert_eq!(beside("/x/main.flow", "./p/c.flow"), "/x/p/c.flow");
        assert_eq!(beside("/x/main.flow", "/y/c.flow"), "/y/c.flow");
    }
}
