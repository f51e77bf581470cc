//! A flow of any size, as people write them: groups of ten nodes, each a fork, a join, a route and what they lead
//! to, with calls, checks and updates.

use std::fmt::Write;

/// The text of a flow of about `nodes` nodes (whole groups of ten), some nine lines a node.
pub fn flow(nodes: usize) -> String {
    let groups = nodes.div_ceil(10).max(1);
    let mut text = String::from(HEAD);
    text.push_str("  start -> a0\n");
    for g in 0..groups {
        let next = if g + 1 == groups {
            "end".to_string()
        } else {
            format!("a{}", g + 1)
        };
        let _ = writeln!(
            text,
            "  a{g} -> [b{g} -> c{g}, d{g}, e{g}] -> f{g} -> r{g}\n  h{g} -> j{g}\n  i{g} -> j{g} -> {next}"
        );
    }
    for g in 0..groups {
        for name in ["a", "b", "c", "d", "e"] {
            task(&mut text, name, g, "");
        }
        task(&mut text, "f", g, "    last  <- reply.text\n");
        let _ = writeln!(
            text,
            "\n  route r{g} {{\n    when tokens > {g} and last.len() > 3 -> h{g}\n    otherwise -> i{g}\n  }}"
        );
        task(&mut text, "h", g, "    on error -> skip\n");
        task(&mut text, "i", g, "    cache 1h\n");
        let _ = writeln!(
            text,
            "\n  transform j{g} {{\n    let words = last.lower().split(\" \").filter(w => w.len() > 5).unique()\n    log   <- words.map(w => \"{g}: ${{w}}\")\n    last  <- \"${{last}} {g}\"\n  }}"
        );
    }
    text.push_str("\n  return \"${last} ${log.len()}\"\n}\n");
    text
}

const HEAD: &str = r#"//! Made to be large.

type Reply = { text: string, tokens: int, sure: float = 0.5 }

/// Does something.
worker work(text: string, top: int = 5) -> Reply via webhook { tags [any] }

flow big(topic: string) -> string {
  limit steps 1000000

  state {
    log:    [string] by append
    last:   string = ""
    tokens: int by add
  }

"#;

fn task(text: &mut String, name: &str, group: usize, more: &str) {
    let _ = writeln!(
        text,
        "\n  /// Step {name} of group {group}.\n  task {name}{group} {{\n    call work(text: \"${{topic}} {group}\", top: {top}) as reply\n    ensure reply.text.len() > 0 else \"nothing came\"\n    log    <- reply.text\n    tokens <- reply.tokens\n    timeout 20s\n{more}  }}",
        top = group % 7 + 1
    );
}
