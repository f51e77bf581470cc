//! How a plan grows from a seed.

use super::{Failing, Join, Kind, Node, Out, Plan, Policy, Random};

impl Plan {
    /// The program of a seed.
    pub(in super::super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x00f1_0e5e_ed00);
        let mut plan = Self::empty(String::new());
        plan.first = plan.transform();
        plan.grow(&mut random, 0);
        plan
    }

    /// A flow to be run as a node. It is small, runs no other, and asks nothing.
    fn child(mark: String, random: &mut Random) -> Self {
        let mut plan = Self::empty(mark);
        plan.first = plan.add("c", Kind::Seed);
        plan.grow(random, 1);
        plan
    }

    fn empty(mark: String) -> Self {
        Self {
            mark,
            nodes: Vec::new(),
            joins: Vec::new(),
            first: 0,
            edges: Vec::new(),
            loops: 0,
            children: Vec::new(),
        }
    }

    fn grow(&mut self, random: &mut Random, depth: u64) {
        self.edges
            .push(format!("start -> {}", self.nodes[self.first].name));
        let last = self.sequence(self.first, random, depth);
        self.arrow(last, Out::End);
    }

    fn is_child(&self) -> bool {
        !self.mark.is_empty()
    }

    /// Some parts behind a node; the last node.
    fn sequence(&mut self, mut from: usize, random: &mut Random, depth: u64) -> usize {
        let parts = 1 + random.below(if depth == 0 { 4 } else { 2 });
        for _ in 0..parts {
            from = match random.below(if depth < 2 { 10 } else { 4 }) {
                0 | 1 | 9 => self.task_behind(from, random),
                2 => {
                    let node = self.transform();
                    self.arrow(from, Out::To(node));
                    node
                }
                3 => self.race(from, random),
                4 | 5 => self.fork(from, random),
                6 => self.choice(from, random, depth),
                7 => self.repeat(from, random, depth),
                _ if random.one_in(3) && !self.is_child() => self.ask(from),
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
        let node = self.work("t", failing, random);
        self.arrow(from, Out::To(node));
        node
    }

    /// A task, and now and then an agent or a subgraph.
    fn work(&mut self, letter: &str, failing: Failing, random: &mut Random) -> usize {
        match random.below(8) {
            0 => self.add("a", Kind::Agent(failing)),
            1 if !self.is_child() => {
                let child = self.children.len();
                self.children.push(Self::child(format!("c{child}"), random));
                self.add("g", Kind::Sub { child, way: failing })
            }
            _ => self.add(letter, Kind::Task(failing)),
        }
    }

    /// `from -> first of [task, task] -> exit`
    fn race(&mut self, from: usize, random: &mut Random) -> usize {
        let join = self.join(Policy::First);
        let branches = 2 + random.below(2) as usize;
        let mut texts = Vec::new();
        for source in 0..branches {
            let failing = match random.below(4) {
                0 => Failing::End,
                1 => Failing::Skip,
                _ => Failing::Run,
            };
            let node = self.add("f", Kind::Task(failing));
            self.nodes[node].outs.push(Out::Arrive(join, source));
            self.joins[join].entries.push(node);
            texts.push(self.nodes[node].name.clone());
        }
        self.close(from, join, &texts)
    }

    /// `from -> [chain, chain] -> exit`
    fn fork(&mut self, from: usize, random: &mut Random) -> usize {
        let tolerant = random.one_in(3);
        let branches = 2 + random.below(2) as usize;
        let join = self.join(if tolerant {
            Policy::Least(1 + random.below(branches as u64) as usize)
        } else {
            Policy::All
        });
        let mut texts = Vec::new();
        for source in 0..branches {
            let (first, exit, text) = self.chain(random, tolerant, 0);
            self.joins[join].entries.push(first);
            match exit {
                Exit::Node(node) => self.nodes[node].outs.push(Out::Arrive(join, source)),
                Exit::Join(inner) => self.joins[inner].target = usize::MAX - (join * 8 + source),
            }
            texts.push(text);
        }
        self.close(from, join, &texts)
    }

    fn join(&mut self, policy: Policy) -> usize {
        self.joins.push(Join {
            sources: 0,
            policy,
            target: 0,
            entries: Vec::new(),
        });
        self.joins.len() - 1
    }

    /// Forks into the entries of a join whose branches are there, and leads on behind it.
    fn close(&mut self, from: usize, join: usize, texts: &[String]) -> usize {
        let target = self.transform();
        self.joins[join].sources = texts.len();
        self.joins[join].target = target;
        let entries = self.joins[join].entries.iter().map(|entry| Out::To(*entry));
        self.nodes[from].outs.extend(entries);
        let (policy, otherwise) = match self.joins[join].policy {
            Policy::All => (String::new(), ""),
            Policy::Least(least) => (format!("{least} of "), " else -> end"),
            Policy::First => ("first of ".to_owned(), " else -> end"),
        };
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
                self.work("b", failing, random)
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
        let join = self.join(Policy::All);
        self.joins[join].sources = 2;
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
            name: format!("{letter}{}{}", self.nodes.len(), self.mark),
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
}

/// Where a branch ends.
enum Exit {
    Node(usize),
    Join(usize),
}
