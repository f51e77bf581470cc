//! Random well-formed programs: a sequence of tasks, forks that close in joins, decisions, loops, fan-outs, questions.
//! A plan is a graph; its source is what the compiler gets.

use std::fmt::Write as _;

/// Numbers that look random and are the same everywhere.
pub(super) struct Random(u64);

/// A program.
pub(super) struct Plan {
    pub(super) nodes: Vec<Node>,
    pub(super) joins: Vec<Join>,
    pub(super) first: usize,
    /// The edges, as source.
    edges: Vec<String>,
    /// How many loops there are.
    loops: usize,
}

/// A node, in order of declaration.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Where its arrows lead.
    pub(super) outs: Vec<Out>,
}

pub(super) enum Kind {
    /// Calls; what its failure does.
    Task(Failing),
    /// Computes.
    Transform { loop_of: Option<usize> },
    /// `when total % by == rest -> first, otherwise -> second`
    Choice { by: i64, rest: i64, ways: [usize; 2] },
    /// `when laps < most -> again, otherwise -> on`
    Loop {
        of: usize,
        most: i64,
        again: usize,
        on: usize,
    },
    /// Starts `total % most` items.
    Send { most: i64, item: usize },
    /// One of them.
    Item(Failing),
    /// Asks; the answer is added.
    Ask,
}

/// Where a final failure goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Failing {
    Run,
    Skip,
    End,
}

#[derive(Clone, Copy)]
pub(super) enum Out {
    To(usize),
    Arrive(usize, usize),
    End,
}

/// A fan-in.
pub(super) struct Join {
    /// How many sources there are.
    pub(super) sources: usize,
    /// None: all of; else at least so many, and `else -> end`.
    pub(super) least: Option<usize>,
    pub(super) target: usize,
    /// The first nodes of the branches.
    pub(super) entries: Vec<usize>,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    pub(super) fn one_in(&mut self, chance: u64) -> bool {
        self.below(chance) == 0
    }
}

/// A number that depends on nothing but these.
pub(super) fn mix(seed: u64, text: &str) -> u64 {
    let start = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1;
    let mixed = text.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Random::new(mixed).below(u64::MAX)
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        let mut plan = Self {
            nodes: Vec::new(),
            joins: Vec::new(),
            first: 0,
            edges: Vec::new(),
            loops: 0,
        };
        let mut random = Random::new(seed ^ 0x00f1_0e5e_ed00);
        plan.first = plan.transform();
        plan.edges
            .push(format!("start -> {}", plan.nodes[plan.first].name));
        let last = plan.sequence(plan.first, &mut random, 0);
        plan.arrow(last, Out::End);
        plan
    }

    /// Some parts behind a node; the last node.
    fn sequence(&mut self, mut from: usize, random: &mut Random, depth: u64) -> usize {
        let parts = 1 + random.below(if depth == 0 { 4 } else { 2 });
        for _ in 0..parts {
            from = match random.below(if depth < 2 { 8 } else { 3 }) {
                0 | 1 => self.task_behind(from, random),
                2 => {
                    let node = self.transform();
                    self.arrow(from, Out::To(node));
                    node
                }
                3 | 4 => self.fork(from, random),
                5 => self.choice(from, random, depth),
                6 => self.repeat(from, random, depth),
                _ if random.one_in(3) => self.ask(from),
                _ => self.fan_out(from, random),
            };
        }
        from
    }

    fn task_behind(&mut self, from: usize, random: &mut Random) -> usize {
        let failing = if random.one_in(4) {
            Failing::Run
        } else {
            Failing::Skip
        };
        let node = self.add("t", Kind::Task(failing));
        self.arrow(from, Out::To(node));
        node
    }

    /// `from -> [chain, chain] -> exit`
    fn fork(&mut self, from: usize, random: &mut Random) -> usize {
        let join = self.joins.len();
        self.joins.push(Join {
            sources: 0,
            least: None,
            target: 0,
            entries: Vec::new(),
        });
        let tolerant = random.one_in(3);
        let branches = 2 + random.below(2) as usize;
        let mut texts = Vec::new();
        let mut exits = Vec::new();
        for _ in 0..branches {
            let (first, last, text) = self.chain(random, tolerant, 0);
            self.joins[join].entries.push(first);
            exits.push(last);
            texts.push(text);
        }
        let target = self.transform();
        let least = tolerant.then(|| 1 + random.below(branches as u64) as usize);
        (
            self.joins[join].sources,
            self.joins[join].least,
            self.joins[join].target,
        ) = (branches, least, target);
        for (source, exit) in exits.into_iter().enumerate() {
            match exit {
                Exit::Node(node) => self.nodes[node].outs.push(Out::Arrive(join, source)),
                Exit::Join(inner) => self.joins[inner].target = usize::MAX - (join * 8 + source),
            }
        }
        for at in 0..branches {
            let entry = self.joins[join].entries[at];
            self.nodes[from].outs.push(Out::To(entry));
        }
        let policy = least.map_or(String::new(), |least| format!("{least} of "));
        let otherwise = if least.is_some() { " else -> end" } else { "" };
        self.edges.push(format!(
            "{} -> {policy}[{}] -> {}{otherwise}",
            self.nodes[from].name,
            texts.join(", "),
            self.nodes[target].name
        ));
        target
    }

    /// A chain of tasks and transforms; its first node, its exit, and its source.
    fn chain(&mut self, random: &mut Random, tolerant: bool, depth: u64) -> (usize, Exit, String) {
        let length = 1 + random.below(3);
        let mut first = None;
        let mut last = 0;
        let mut text = String::new();
        for _ in 0..length {
            let node = if random.one_in(3) {
                self.transform()
            } else {
                let failing = match random.below(4) {
                    0 => Failing::End,
                    1 if tolerant => Failing::Run,
                    _ => Failing::Skip,
                };
                self.add("b", Kind::Task(failing))
            };
            if first.is_some() {
                self.nodes[last].outs.push(Out::To(node));
                text.push_str(" -> ");
            }
            text.push_str(&self.nodes[node].name);
            first.get_or_insert(node);
            last = node;
        }
        let first = first.unwrap_or(last);
        if tolerant || depth > 0 || !random.one_in(4) {
            return (first, Exit::Node(last), text);
        }
        self.nested(random, (first, last), &text)
    }

    /// A fork inside a branch, behind its chain: `… -> [a, b]`, whose join arrives at the outer one.
    fn nested(
        &mut self,
        random: &mut Random,
        (first, last): (usize, usize),
        text: &str,
    ) -> (usize, Exit, String) {
        let join = self.joins.len();
        self.joins.push(Join {
            sources: 2,
            least: None,
            target: 0,
            entries: Vec::new(),
        });
        let mut texts = Vec::new();
        for source in 0..2 {
            let (entry, exit, text) = self.chain(random, false, 1);
            self.joins[join].entries.push(entry);
            self.nodes[last].outs.push(Out::To(entry));
            if let Exit::Node(exit) = exit {
                self.nodes[exit].outs.push(Out::Arrive(join, source));
            }
            texts.push(text);
        }
        (
            first,
            Exit::Join(join),
            format!("{text} -> [{}]", texts.join(", ")),
        )
    }

    fn choice(&mut self, from: usize, random: &mut Random, depth: u64) -> usize {
        let by = 2 + random.below(3) as i64;
        let rest = random.below(by as u64) as i64;
        let (left, right) = (self.transform(), self.transform());
        let kind = Kind::Choice {
            by,
            rest,
            ways: [left, right],
        };
        let route = self.add("r", kind);
        self.arrow(from, Out::To(route));
        let left_end = self.sequence(left, random, depth + 1);
        let right_end = self.sequence(right, random, depth + 1);
        let exit = self.transform();
        self.arrow(left_end, Out::To(exit));
        self.arrow(right_end, Out::To(exit));
        exit
    }

    fn repeat(&mut self, from: usize, random: &mut Random, depth: u64) -> usize {
        let of = self.loops;
        self.loops += 1;
        let head = self.add("l", Kind::Transform { loop_of: Some(of) });
        self.arrow(from, Out::To(head));
        let last = self.sequence(head, random, depth + 1);
        let on = self.transform();
        let most = 1 + random.below(3) as i64;
        let kind = Kind::Loop {
            of,
            most,
            again: head,
            on,
        };
        let route = self.add("r", kind);
        self.arrow(last, Out::To(route));
        on
    }

    fn ask(&mut self, from: usize) -> usize {
        let node = self.add("q", Kind::Ask);
        self.arrow(from, Out::To(node));
        node
    }

    fn fan_out(&mut self, from: usize, random: &mut Random) -> usize {
        let item = self.add("i", Kind::Item(Failing::Skip));
        let most = 1 + random.below(4) as i64;
        let send = self.add("s", Kind::Send { most, item });
        self.arrow(from, Out::To(send));
        let exit = self.transform();
        self.arrow(item, Out::To(exit));
        exit
    }

    fn transform(&mut self) -> usize {
        self.add("x", Kind::Transform { loop_of: None })
    }

    fn add(&mut self, letter: &str, kind: Kind) -> usize {
        self.nodes.push(Node {
            name: format!("{letter}{}", self.nodes.len()),
            kind,
            outs: Vec::new(),
        });
        self.nodes.len() - 1
    }

    fn arrow(&mut self, from: usize, out: Out) {
        let to = match out {
            Out::To(to) => self.nodes[to].name.clone(),
            Out::End | Out::Arrive(..) => "end".to_owned(),
        };
        self.edges.push(format!("{} -> {to}", self.nodes[from].name));
        self.nodes[from].outs.push(out);
    }

    /// Where a join leads: a node, or its place in the join around it.
    pub(super) fn join_out(&self, join: usize) -> Out {
        let target = self.joins[join].target;
        if target < self.nodes.len() {
            return Out::To(target);
        }
        let place = usize::MAX - target;
        Out::Arrive(place / 8, place % 8)
    }

    /// How many loops there are.
    pub(super) fn loops(&self) -> usize {
        self.loops
    }

    /// The program as source.
    pub(super) fn source(&self) -> String {
        let mut text = String::from(
            "worker work(key: string, n: int) -> int via webhook { attempts 2 backoff 1s..1s, timeout 10s }\n\n\
             flow sim() -> int {\n  limit steps 60\n  state {\n    log: [string] by append\n    total: int by add\n    best: int by max = 0\n    near: [string] by append ephemeral\n    outside: int by add external\n",
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

    fn node(&self, node: &Node) -> String {
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
            Kind::Ask => format!(
                "interrupt {name} {{ ask \"{name}?\", answer as n: int, log <- \"{name}!${{n}}\", total <- n }}"
            ),
        }
    }
}

/// Where a branch ends.
enum Exit {
    Node(usize),
    Join(usize),
}
