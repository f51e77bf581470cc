//! A plan as source.

use std::fmt::Write as _;

use super::{Failing, Kind, Plan};

impl Plan {
    /// The program as source.
    pub(in super::super) fn source(&self) -> String {
        let mut text = String::from(
            "worker work(key: string, n: int) -> int via webhook { attempts 2 backoff 1s..1s, timeout 10s }\n\
             worker talk(key: string, n: int) -> int via openai_chat { model \"m\", timeout 10s }\n",
        );
        for child in &self.children {
            let _ = write!(
                text,
                "\nflow run_{}(n: int) -> int {{\n{}",
                child.mark,
                child.body()
            );
        }
        let _ = write!(
            text,
            "\nflow sim() -> int {{\n  limit steps {}\n{}",
            self.most_steps(),
            self.body()
        );
        text
    }

    /// What stands in a flow.
    fn body(&self) -> String {
        let mut text = String::from(
            "  state {\n    log: [string] by append\n    total: int by add\n    best: int by max = 0\n    near: [string] by append ephemeral\n    outside: int by add external\n",
        );
        for of in 0..self.loops {
            let _ = writeln!(text, "    laps{of}: int by add");
        }
        text.push_str("  }\n");
        for edge in &self.edges {
            let _ = writeln!(text, "  {edge}");
        }
        for node in &self.nodes {
            let _ = writeln!(text, "  {}", self.node(node));
        }
        text.push_str("  return total\n}\n");
        text
    }

    fn node(&self, node: &super::Node) -> String {
        let name = &node.name;
        let failing = |failing: &Failing| match failing {
            Failing::Run => "",
            Failing::Skip => ", on error -> skip",
            Failing::End => ", on error -> end",
        };
        match &node.kind {
            Kind::Task(way) => format!(
                "task {name} {{ call work(key: \"{name}\", n: total) as x, log <- \"{name}=${{x}}\", near <- \"{name}\", total <- x{} }}",
                failing(way)
            ),
            Kind::Transform { loop_of } => {
                let lap = loop_of.map_or(String::new(), |of| format!(", laps{of} <- 1"));
                format!(
                    "transform {name} {{ log <- \"{name}:${{near.len()}}\", best <- total, near <- \"{name}\", total <- 1{lap} }}"
                )
            }
            Kind::Choice { by, rest, ways } => format!(
                "route {name} {{ when total % {by} == {rest} -> {}, otherwise -> {} }}",
                self.nodes[ways[0]].name, self.nodes[ways[1]].name
            ),
            Kind::Loop { of, most, again, on } => format!(
                "route {name} {{ when laps{of} <= {most} -> {}, otherwise -> {} }}",
                self.nodes[*again].name, self.nodes[*on].name
            ),
            Kind::Send { most, item } => format!(
                "send {name} {{ each n in range(0, total % {}) -> {}(n) at most 2 }}",
                most + 1,
                self.nodes[*item].name
            ),
            Kind::Item(way) => format!(
                "task {name}(n: int) {{ call work(key: \"{name}.${{n}}\", n: total) as x, log <- \"{name}.${{n}}=${{x}}\", total <- x{} }}",
                failing(way)
            ),
            Kind::Seed => format!("transform {name} {{ log <- \"{name}\", total <- n % 9 }}"),
            Kind::Agent(way) => format!(
                "agent {name} {{ call talk(key: \"{name}\", n: total) as x, tools [work], attempts 2 backoff 1s..1s, limit turns 3, log <- \"{name}=${{x}}\", near <- \"{name}\", total <- x{} }}",
                failing(way)
            ),
            Kind::Sub { child, way } => format!(
                "subgraph {name} {{ call run_{}(n: total) as x, log <- \"{name}=${{x}}\", near <- \"{name}\", total <- x % 9{} }}",
                self.children[*child].mark,
                failing(way)
            ),
            Kind::Ask => format!(
                "interrupt {name} {{ ask \"{name}?\", answer as n: int, log <- \"{name}!${{n}}\", total <- n }}"
            ),
        }
    }
}
