//! From a chunk to what the loop runs. Code only goes forward, so that one pass over it sees where
//! every operand comes from, and one pass back which registers are still read.

use flow_bytecode::{Chunk, Image, Method, Op, Reg, Used};

use super::code::{Code, Comparison, Source, Step};

/// Makes a chunk of a verified image ready.
pub(crate) fn decode(image: &Image, chunk: &Chunk) -> Code {
    let targets = targets(&chunk.code);
    let (steps, spared) = Forward::over(image, chunk, &targets);
    let kept = kept(image, chunk, &targets, &steps, &spared);
    let mut code = Code {
        steps: Vec::with_capacity(steps.len()),
        places: Vec::with_capacity(steps.len()),
        params: usize::from(chunk.params),
        registers: usize::from(chunk.registers),
    };
    // For each instruction, its step or the next one.
    let mut step_of = vec![0; steps.len()];
    let mut at = 0;
    while at < steps.len() {
        step_of[at] = code.steps.len() as u32;
        let pair = steps.get(at + 1).filter(|_| !targets[at + 1]);
        if let Some(test) = pair.and_then(|next| test(&steps[at], next)) {
            at += 1;
            step_of[at] = code.steps.len() as u32;
            code.push(test, at);
        } else if kept[at] {
            code.push(steps[at], at);
        }
        at += 1;
    }
    for step in &mut code.steps {
        if let Some(to) = step.target() {
            *to = step_of[*to as usize];
        }
    }
    code
}

impl Code {
    fn push(&mut self, step: Step, place: usize) {
        self.steps.push(step);
        self.places.push(place as u32);
    }
}

/// Which instructions are jumped to.
fn targets(code: &[Op]) -> Vec<bool> {
    let mut targets = vec![false; code.len()];
    for op in code {
        if let Op::Jump { to } | Op::JumpIfNot { to, .. } | Op::JumpIfNull { to, .. } = op {
            targets[*to as usize] = true;
        }
    }
    targets
}

/// A comparison and the jump that depends on it, as one.
fn test(compare: &Step, jump: &Step) -> Option<Step> {
    match (*compare, *jump) {
        (Step::Compare { dst, by, a, b }, Step::JumpIfNot { cond, to }) if cond == Source::Register(dst) => {
            Some(Step::Test { dst, by, a, b, to })
        }
        _ => None,
    }
}

/// The pass forward: within a straight stretch of code, what was loaded is named where it is used.
struct Forward {
    /// For each register, what it holds the value of.
    known: Vec<Option<Known>>,
    /// The stretch that it goes through.
    stretch: usize,
    /// For each instruction, whether someone names what it loads.
    spared: Vec<bool>,
}

#[derive(Clone, Copy)]
struct Known {
    source: Source,
    stretch: usize,
    loaded_at: usize,
}

impl Forward {
    /// A step for each instruction, and which of them load what others name.
    fn over(image: &Image, chunk: &Chunk, targets: &[bool]) -> (Vec<Step>, Vec<bool>) {
        let mut pass = Forward {
            known: vec![None; usize::from(chunk.registers)],
            stretch: 0,
            spared: vec![false; chunk.code.len()],
        };
        let mut steps = Vec::with_capacity(chunk.code.len());
        for (at, op) in chunk.code.iter().enumerate() {
            pass.stretch += usize::from(targets[at]);
            let step = pass.step(op);
            if let Some(dst) = Used::of(op, &image.consts).written {
                pass.known[usize::from(dst)] = loaded(&step).map(|source| Known {
                    source,
                    stretch: pass.stretch,
                    loaded_at: at,
                });
            }
            steps.push(step);
        }
        (steps, pass.spared)
    }

    fn step(&mut self, op: &Op) -> Step {
        if let Some((dst, src)) = load(op) {
            return Step::Copy { dst, src };
        }
        match *op {
            Op::Move { dst, src } => Step::Copy {
                dst,
                src: self.source(src),
            },
            Op::Binary { op, dst, a, b } => {
                let (a, b) = (self.source(a), self.source(b));
                match Comparison::of(op) {
                    Some(by) => Step::Compare { dst, by, a, b },
                    None => Step::Binary { op, dst, a, b },
                }
            }
            Op::Unary { op, dst, a } => Step::Unary {
                op,
                dst,
                a: self.source(a),
            },
            Op::IntToFloat { dst, a } => Step::IntToFloat {
                dst,
                a: self.source(a),
            },
            Op::Method {
                dst,
                method: Method::Len,
                first,
                count: 1,
            } => Step::Len {
                dst,
                of: self.source(first),
            },
            Op::Field {
                dst,
                base,
                name,
                hint,
            } => Step::Field {
                dst,
                of: self.source(base),
                name,
                hint,
            },
            Op::Index { dst, base, index } => Step::Index {
                dst,
                of: self.source(base),
                index: self.source(index),
            },
            Op::IsVariant { dst, a, name } => Step::IsVariant {
                dst,
                a: self.source(a),
                name,
            },
            _ => self.leaving(op),
        }
    }

    /// What leaves the stretch, and what stands for itself.
    fn leaving(&mut self, op: &Op) -> Step {
        match *op {
            Op::Jump { to } => Step::Jump { to },
            Op::JumpIfNot { cond, to } => Step::JumpIfNot {
                cond: self.source(cond),
                to,
            },
            Op::JumpIfNull { a, to } => Step::JumpIfNull {
                a: self.source(a),
                to,
            },
            Op::Return { src } => Step::Return {
                src: self.source(src),
            },
            _ => Step::Rare,
        }
    }

    fn source(&mut self, register: Reg) -> Source {
        match self.known[usize::from(register)] {
            Some(known) if known.stretch == self.stretch => {
                self.spared[known.loaded_at] = true;
                known.source
            }
            _ => Source::Register(register),
        }
    }
}

/// What does not change while the chunk runs, and is near enough to be named.
fn load(op: &Op) -> Option<(Reg, Source)> {
    let near = |index: usize| u16::try_from(index).ok();
    Some(match *op {
        Op::Const { dst, value } => (dst, Source::Constant(near(value.index())?)),
        Op::LoadField { dst, field } => (dst, Source::State(near(field.index())?)),
        Op::LoadInput { dst, index } => (dst, Source::Input(index)),
        Op::LoadConfig { dst, index } => (dst, Source::Config(index)),
        _ => return None,
    })
}

/// What a step makes known: copies of registers do not count, for these change.
fn loaded(step: &Step) -> Option<Source> {
    match step {
        Step::Copy { src, .. } if !matches!(src, Source::Register(_)) => Some(*src),
        _ => None,
    }
}

/// The pass back: which instructions are needed. Loads are not if all who would read them name what
/// they load. One that nobody names stays, so that every stretch ends with a step.
fn kept(image: &Image, chunk: &Chunk, targets: &[bool], steps: &[Step], spared: &[bool]) -> Vec<bool> {
    let mut kept = vec![true; steps.len()];
    let mut live_at: Vec<Option<Live>> = vec![None; steps.len()];
    let mut live = Live::none(chunk.registers);
    for (at, op) in chunk.code.iter().enumerate().rev() {
        if matches!(op, Op::Return { .. } | Op::Fail { .. } | Op::Jump { .. }) {
            live = Live::none(chunk.registers);
        }
        if let Op::Jump { to } | Op::JumpIfNot { to, .. } | Op::JumpIfNull { to, .. } = op
            && let Some(there) = &live_at[*to as usize]
        {
            live.join(there);
        }
        let used = Used::of(op, &image.consts);
        if let Some(dst) = used.written {
            kept[at] = !spared[at] || live.has(dst);
            live.remove(dst);
        }
        if matches!(steps[at], Step::Rare) {
            for (first, count) in used.read {
                (usize::from(first)..usize::from(first) + count).for_each(|register| live.add(register));
            }
        } else if kept[at] {
            for source in steps[at].sources().into_iter().flatten() {
                if let Source::Register(register) = source {
                    live.add(usize::from(register));
                }
            }
        }
        if targets[at] {
            live_at[at] = Some(live.clone());
        }
    }
    kept
}

/// A set of registers.
#[derive(Clone)]
struct Live {
    words: Box<[u64]>,
}

impl Live {
    fn none(registers: u16) -> Live {
        Live {
            words: vec![0; usize::from(registers).div_ceil(64)].into(),
        }
    }

    fn add(&mut self, register: usize) {
        self.words[register / 64] |= 1 << (register % 64);
    }

    fn remove(&mut self, register: Reg) {
        self.words[usize::from(register) / 64] &= !(1 << (register % 64));
    }

    fn has(&self, register: Reg) -> bool {
        self.words[usize::from(register) / 64] >> (register % 64) & 1 == 1
    }

    fn join(&mut self, other: &Live) {
        self.words
            .iter_mut()
            .zip(&other.words)
            .for_each(|(word, more)| *word |= more);
    }
}
