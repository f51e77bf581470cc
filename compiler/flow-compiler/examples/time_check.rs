//! How long a check of a generated flow takes: `cargo run --release --example time_check 1000`.

use std::fmt::Write;

use flow_compiler::{NoFiles, check_text};

fn main() {
    let count: usize = std::env::args()
        .nth(1)
        .and_then(|arg| arg.parse().ok())
        .unwrap_or(1000);
    let mut text = String::from(
        "worker w(text: string) -> string via webhook\n\nflow big(text: string) {\n  limit steps 5000\n  state { log: [string] by append, last: string = \"\" }\n  start",
    );
    for index in 0..count {
        let _ = write!(text, " -> n{index}");
        if index % 50 == 49 {
            let _ = write!(text, "\n  n{index}");
        }
    }
    text.push_str(" -> end\n");
    for index in 0..count {
        let _ = write!(
            text,
            "  task n{index} {{\n    call w(\"${{text}} {index}\") as reply\n    ensure reply.len() > 0\n    log <- reply.split(\" \").filter(w => w.len() > 2)\n    last <- last + reply\n    timeout 20s\n  }}\n"
        );
    }
    text.push_str("}\n");
    // The time is what this example is for.
    let checked = check_text(&NoFiles, "big.flow", &text);
    for found in checked.diagnostics.iter().take(3) {
        println!("{} {}", found.code, found.message);
    }
    println!(
        "{count} nodes, {} bytes, {} findings",
        text.len(),
        checked.diagnostics.len()
    );
}
