// Flow sources with names and labels that break drawings: reserved words of Mermaid, arrow heads, entities, markdown,
// HTML, scripts other than Latin. Every source checks; what `flowc graph` makes of it is held against Mermaid's parser.

/** Names that mean something to Mermaid, or look like the end of an arrow. */
const NAMES = [
  'graph', 'flowchart', 'subgraph', 'style', 'linkStyle', 'classDef', 'class', 'click', 'href', 'call', 'interpolate',
  '_self', '_blank', 'default', 'direction', 'TD', 'LR', 'x', 'o', 'v', 'xa', 'oB', 'End', 'END', 'end_x', 'endpoint',
  'n_x', 'e_start', 's_x', 'j_0', '__start__', 'a__b', 'note', 'scale', 'Start',
];

/** What a condition may hold: pieces of strings, put together at random. */
const PIECES = [
  '"', '<', '>', '&', '#', ';', '`', '%%{', '%%', '|', '[', ']', '{', '}', '(', ')', '/', '\\', '1. ', '- ', '* ', '+ ',
  '**b**', '_i_', '<b>', '</b>', '<br/>', 'list<string>', '#quot;', '#35;', '&amp;', '&lt;', '-->', '---', '==>', '-.->',
  'end', 'é', '漢字', 'א', '😀', '$$x^2$$', '@', ':', '::', ':::end', '~', '^', "'", '?', '!', '=', ',', '.', ' ', '  ', 'a', '7',
  '\t', '\n', '\u00a0', '\u200b', 'javascript:', 'fa:fa-car', '%', '${', 'style', 'click',
];

/** A small generator of numbers (xorshift), the same for the same seed. */
function numbers(seed) {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** A text as a string literal of Flow. */
function literal(text) {
  const escapes = { '\n': '\\n', '\t': '\\t', '"': '\\"', '\\': '\\\\', $: '\\$' };
  return `"${[...text].map((c) => escapes[c] ?? c).join('')}"`;
}

/** A raw string where it can be one, so that quotes and back-slashes stand in the label as they are. */
function label(text, raw) {
  return raw && !/["\n\t\u200b]/.test(text) ? `r"${text}"` : literal(text);
}

/** Nodes, workers and flows with names that Mermaid takes for something else, subgraphs to be opened included. */
function named() {
  const source = ['//! Names that mean something to Mermaid.', ''];
  source.push('flow end_(text: string) -> string {', '  state { out: string }', '  start -> x -> end');
  source.push('  transform x { out <- text }', '  return out', '}', '');
  for (const name of NAMES) source.push(`worker ${name}(text: string) -> string via exec { command ["true"] }`);
  source.push('', 'flow names(text: string) -> [string] {', '  state { all: [string] by append }', '');
  source.push(`  start -> ${NAMES.join(' -> ')} -> sub -> end`, '');
  for (const name of NAMES) source.push(`  task ${name} { call ${name}(text: text) as reply, all <- reply }`);
  source.push('  subgraph sub { call end_(text: text) as reply, all <- reply }', '  return all', '}', '');
  return source.join('\n');
}

/** Routes and gotos whose conditions are hard to write down. */
function labelled(seed) {
  const next = numbers(seed);
  const text = () => Array.from({ length: 1 + next(5) }, () => PIECES[next(PIECES.length)]).join('');
  const source = ['flow labels(text: string) -> int {', '  state { n: int by add }', '  limit steps 100', '  start -> pick', '  go -> end', ''];
  source.push('  route pick {');
  for (let arm = 0; arm < 12; arm++) source.push(`    when text == ${label(text(), next(2) === 0)} -> go`);
  source.push('    otherwise -> jump', '  }', '', '  transform go { n <- 1 }', '', '  transform jump {', '    n <- 1', '    goto {');
  for (let arm = 0; arm < 6; arm++) source.push(`      when text == ${label(text(), next(2) === 0)} -> go`);
  source.push('      otherwise -> end', '    }', '  }', '  return n', '}', '');
  return source.join('\n');
}

/** Every hostile source, by name. */
export function sources(count) {
  const found = [{ name: 'names', text: named() }];
  for (let seed = 1; seed <= count; seed++) found.push({ name: `labels-${seed}`, text: labelled(seed * 7919) });
  return found;
}
