//! HIR → image. Only programs without errors come here; the result is the same, byte for byte, for
//! the same source. What each chunk takes and returns is said in `flow_bytecode` at the field that
//! holds it; this folder follows it: types, constants and texts in `tables`, code of one expression
//! in `code`, `expr` and `pattern`, and one file each for workers, flows, nodes, targets and tests.

mod code;
mod effects;
mod expr;
mod flow;
mod node;
mod pattern;
mod tables;
mod target;
mod test;
mod types;
mod worker;

use flow_bytecode::{Chunk, ChunkId, Image, SourceText, StrId};
use flow_diagnostics::SourceMap;

use crate::hir::Program;
use crate::hir::flow::Node;
use code::{Code, Frame};
use tables::Tables;

/// Makes the image of a program that has no errors. `sources` holds the files that its spans name.
pub fn generate(program: &Program, sources: &SourceMap) -> Image {
    let mut generator = Generator {
        program,
        nodes: &[],
        image: Image::default(),
        tables: Tables::new(program, sources),
    };
    let entry = sources
        .files()
        .next()
        .map_or(String::new(), |(_, file)| file.path.clone());
    for (_, file) in sources.files() {
        let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
        let source = SourceText {
            path: beside(&entry, &file.path),
            text: text.to_owned(),
        };
        generator.image.debug.files.push(source);
    }
    generator.functions();
    generator.workers();
    for flow in &program.flows {
        generator.nodes = &flow.nodes;
        let flow = generator.flow(flow);
        generator.image.flows.push(flow);
    }
    generator.tests();
    generator.image
}

/// The image in the making. Methods of it are spread over the files of this folder.
struct Generator<'p> {
    program: &'p Program,
    /// The nodes of the flow that is being made.
    nodes: &'p [Node],
    image: Image,
    tables: Tables,
}

impl Generator<'_> {
    /// Functions are the first chunks, so that a call knows its chunk before it is made.
    fn functions(&mut self) {
        let name = self.text("");
        let empty = Chunk {
            name,
            params: 0,
            registers: 0,
            code: Vec::new(),
            spans: Vec::new(),
        };
        self.image.chunks = vec![empty; self.program.fns.len()];
        for (index, function) in self.program.fns.iter().enumerate() {
            let frame = Frame::of(function.params.iter().map(|param| param.id));
            let mut code = Code::new(self, &frame);
            code.return_value(&function.body);
            let chunk = code.into_chunk(&format!("fn {}", function.name.text));
            self.image.chunks[index] = chunk;
        }
    }

    fn add_chunk(&mut self, chunk: Chunk) -> ChunkId {
        self.image.chunks.push(chunk);
        ChunkId(self.image.chunks.len() as u32 - 1)
    }

    fn doc(&mut self, doc: Option<&String>) -> Option<StrId> {
        doc.map(|text| self.text(text))
    }
}

/// A path as seen from the folder of the entry, so that an image does not depend on where it was made.
/// What is no file, such as `std.chat`, is known by its name.
fn beside(entry: &str, path: &str) -> String {
    if path.starts_with("std.") || path.starts_with('<') {
        return path.to_owned();
    }
    let folder: Vec<&str> = entry.split('/').collect();
    let folder = &folder[..folder.len() - 1];
    let parts: Vec<&str> = path.split('/').collect();
    let common = folder
        .iter()
        .zip(&parts[..parts.len() - 1])
        .take_while(|(a, b)| a == b)
        .count();
    let up = folder[common..].iter().map(|_| "..");
    up.chain(parts[common..].iter().copied())
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn files_are_known_by_their_place_beside_the_entry() {
        assert_eq!(beside("a.flow", "a.flow"), "a.flow");
        assert_eq!(beside("/x/y/a.flow", "/x/y/a.flow"), "a.flow");
        assert_eq!(beside("y/a.flow", "y/sub/b.flow"), "sub/b.flow");
        assert_eq!(beside("x/y/a.flow", "x/b.flow"), "../b.flow");
        assert_eq!(beside("/x/a.flow", "/x/prompts/p.md"), "prompts/p.md");
        assert_eq!(beside("y/a.flow", "std.chat"), "std.chat");
        assert_eq!(beside("y/a.flow", "<stdin>"), "<stdin>");
    }
}
