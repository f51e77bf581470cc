// Holds `flowc graph` against Mermaid's own parser: node verify.mjs FLOWC SCRATCH FILE.flow…
//
// Several mistakes parse and mean something else, so that it is not enough that a drawing parses: the vertices, edges
// and subgraphs that Mermaid understood must be those of `flowc graph --format json`, their texts and shapes included.

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { JSDOM } from 'jsdom';
import { sources } from './hostile.mjs';

const { window } = new JSDOM('<!DOCTYPE html><body></body>');
globalThis.window = window; // before Mermaid is loaded: it looks for a browser then
globalThis.document = window.document;
const { default: mermaid } = await import('mermaid');

/** How many sources with random labels are drawn. */
const RANDOM = 60;
/** How deep subgraphs are opened. */
const DEPTHS = [0, 3];
/** Mermaid's name for the shape of each kind of vertex. */
const SHAPES = {
  start: 'stadium', end: 'stadium', halt: 'stadium', fail: 'stadium', cancel: 'stadium', failure: 'stadium', task: 'square', agent: 'round',
  wait: 'round', transform: 'lean_right', route: 'diamond', send: 'hexagon', join: 'hexagon', subgraph: 'subroutine',
  interrupt: 'doublecircle',
};
const STROKES = { solid: 'normal', dotted: 'dotted', thick: 'thick' };

const [flowc, scratch, ...files] = process.argv.slice(2);
mkdirSync(scratch, { recursive: true });
for (const { name, text } of sources(RANDOM)) {
  const file = join(scratch, `${name}.flow`);
  writeFileSync(file, text);
  files.push(file);
}

let drawings = 0;
let labels = 0;
const wrong = [];
for (const file of files) {
  for (const flow of flowsOf(file)) {
    for (const depth of DEPTHS) {
      const of = (format) => run('graph', file, '--flow', flow, '--depth', String(depth), '--format', format);
      const text = of('mermaid');
      for (const line of await compare(JSON.parse(of('json')), text)) wrong.push(`${file}, ${flow}, depth ${depth}: ${line}`);
      drawings += 1;
    }
  }
}
wrong.slice(0, 50).forEach((line) => console.error(line));
console.log(`${drawings} drawings of ${files.length} files, ${labels} texts: ${wrong.length} differences`);
process.exit(wrong.length === 0 && drawings > 100 ? 0 : 1);

function run(...args) {
  return execFileSync(flowc, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
}

function flowsOf(file) {
  return Object.keys(JSON.parse(run('schema', file)).flows);
}

/** What differs between the graph that is meant and the one that Mermaid understood. */
async function compare(meant, text) {
  let db;
  try {
    await mermaid.parse(text);
    db = (await mermaid.mermaidAPI.getDiagramFromText(text)).db;
  } catch (error) {
    return [`does not parse: ${String(error).split('\n').slice(0, 4).join(' / ')}`];
  }
  const expected = { vertices: [], edges: [], groups: [] };
  collect(meant, [], expected);
  const understood = {
    // An edge to a subgraph makes a vertex of the same id, which is drawn as the subgraph.
    vertices: [...db.getVertices().values()]
      .filter((vertex) => !expected.groups.some((group) => group.startsWith(`${vertex.id} `)))
      .map((vertex) => `${vertex.id} ${vertex.type} ${plain(vertex.text)}`),
    edges: db.getEdges().map((edge) => `${edge.start} ${edge.stroke} ${edge.type} ${edge.end} ${plain(edge.text ?? '')}`),
    groups: db.getSubGraphs().map((group) => `${group.id} ${plain(group.title)} [${[...group.nodes].sort()}]`),
  };
  const differences = [];
  for (const part of ['vertices', 'edges', 'groups']) {
    const [meantHere, here] = [expected[part].sort(), understood[part].sort()];
    labels += meantHere.length;
    for (const one of meantHere) if (take(here, one) < 0) differences.push(`${part}: ${JSON.stringify(one)} is missing`);
    for (const one of here) differences.push(`${part}: ${JSON.stringify(one)} is not meant`);
  }
  return differences;
}

function take(list, one) {
  const at = list.indexOf(one);
  if (at >= 0) list.splice(at, 1);
  return at;
}

/** The drawing as Mermaid should have it, ids included: they are part of what `flowc graph` promises. */
function collect(model, path, into) {
  const ids = model.vertices.map((vertex) => idOf(vertex, path));
  model.vertices.forEach((vertex, at) => {
    const text = shown(vertex.detail === null ? vertex.name : `${vertex.name}\n${vertex.detail}`);
    if (vertex.inside === null) {
      into.vertices.push(`${ids[at]} ${SHAPES[vertex.kind]} ${text}`);
    } else {
      const inside = [...path, vertex.name];
      into.groups.push(`${ids[at]} ${text} [${vertex.inside.vertices.map((inner) => idOf(inner, inside)).sort()}]`);
      collect(vertex.inside, inside, into);
    }
  });
  for (const edge of model.edges) {
    const id = (name) => ids[model.vertices.findIndex((vertex) => vertex.id === name)];
    into.edges.push(`${id(edge.from)} ${STROKES[edge.style]} arrow_point ${id(edge.to)} ${shown(edge.label ?? '')}`);
  }
}

function idOf(vertex, path) {
  const own = vertex.inside !== null ? `s_${vertex.name}` : vertex.kind === 'start' ? 'e_start' : vertex.id;
  if (path.length === 0) return own;
  const code = (c) => (/[A-Za-z0-9]/.test(c) ? c : `_${c.codePointAt(0).toString(16)}_`);
  return `i_${[...[...path, own].join('.')].map(code).join('')}`;
}

/** A text as a reader sees it: a browser folds white space, and shows control characters as blanks. */
function shown(text) {
  return text.replace(/[\u0000-\u001f\u007f]/g, (c) => (c === '\n' ? c : ' ')).replace(/[ ]+/g, ' ').trim();
}

/** Mermaid's own text, with the entities that it keeps until it draws put back. */
function plain(text) {
  const entities = text.replace(/ﬂ°°(\d+)¶ß/g, '&#$1;').replace(/ﬂ°(\w+)¶ß/g, '&$1;').replace(/<br\s*\/?>/g, '\n');
  const element = window.document.createElement('textarea');
  element.innerHTML = entities;
  return shown(element.value);
}
