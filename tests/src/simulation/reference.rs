//! What a plan means: one activation after the other, step by step, each step a barrier. Written for clarity, from the
//! rules of execution; it shares nothing with the machine.

use std::collections::BTreeMap;

use flow_machine::Status;
use serde_json::{Value as Json, json};

use super::plan::{Failing, Join, Kind, Out, Plan, mix};

/// `limit steps` of every plan.
const STEPS: u64 = 60;

/// How a run ends.
pub(super) struct Ended {
    pub(super) status: Status,
    pub(super) path: Vec<String>,
    pub(super) state: Json,
    pub(super) steps: u64,
    pub(super) calls: u64,
}

/// What a worker does with a call: a reply, or a failure.
pub(super) fn reply(seed: u64, key: &str, total: i64, attempt: u32) -> Option<i64> {
    let number = mix(seed, &format!("{key}/{total}/{attempt}"));
    (!number.is_multiple_of(4)).then_some((number / 4 % 10) as i64)
}

/// What a question is answered.
pub(super) fn answer(seed: u64, node: &str) -> i64 {
    (mix(seed, node) % 5) as i64
}

#[derive(Clone, Default)]
struct State {
    log: Vec<String>,
    total: i64,
    best: i64,
    near: Vec<String>,
    laps: BTreeMap<usize, i64>,
}

/// An activation: the node, its parameter, and the branches in which it stands, outermost first.
#[derive(Clone)]
struct Act {
    node: usize,
    n: i64,
    within: Vec<(usize, usize)>,
}

/// A fork that was taken.
struct Round {
    join: usize,
    /// By source: whether it succeeded.
    arrived: Vec<Option<bool>>,
    /// The branches in which the fork itself stands.
    within: Vec<(usize, usize)>,
}

struct Reference<'p> {
    plan: &'p Plan,
    seed: u64,
    state: State,
    rounds: BTreeMap<usize, Round>,
    taken: usize,
    next: Vec<Act>,
    path: Vec<String>,
    calls: u64,
}

/// What an activation comes to.
enum Came {
    Done(Updates),
    Skipped,
    Left,
    Failed,
}

#[derive(Default)]
struct Updates {
    log: String,
    total: i64,
    best: Option<i64>,
    near: bool,
    lap: Option<usize>,
}

/// Runs a plan.
pub(super) fn run(plan: &Plan, seed: u64) -> Ended {
    let mut reference = Reference {
        plan,
        seed,
        state: State::default(),
        rounds: BTreeMap::new(),
        taken: 0,
        next: vec![Act {
            node: plan.first,
            n: 0,
            within: Vec::new(),
        }],
        path: Vec::new(),
        calls: 0,
    };
    let mut steps = 0;
    let mut status = Status::Done;
    while !reference.next.is_empty() {
        if steps == STEPS {
            status = Status::Limit;
            break;
        }
        steps += 1;
        if !reference.step() {
            status = Status::Failed;
            break;
        }
    }
    Ended {
        status,
        state: reference.json(),
        path: reference.path,
        steps,
        calls: reference.calls,
    }
}

impl Reference<'_> {
    /// One step. False if it failed; then nothing of it counts.
    fn step(&mut self) -> bool {
        let mut acts = std::mem::take(&mut self.next);
        acts.sort_by_key(|act| (act.node, act.n));
        let mut came = Vec::new();
        for act in &acts {
            came.push(self.act(act));
        }
        let absorbed = |reference: &Self, act: &Act| reference.tolerant(act).is_some();
        let lost = acts
            .iter()
            .zip(&came)
            .any(|(act, came)| matches!(came, Came::Failed) && !absorbed(self, act));
        if lost {
            return false;
        }
        self.state.near.clear();
        for (act, came) in acts.iter().zip(&came) {
            if let Came::Done(updates) = came {
                self.update(&self.plan.nodes[act.node].name, updates);
                self.path.push(self.plan.nodes[act.node].name.clone());
            }
        }
        self.fire_all(&acts, &came);
        self.judge();
        true
    }

    /// Calls or computes, over the state before the step.
    fn act(&mut self, act: &Act) -> Came {
        let name = &self.plan.nodes[act.node].name;
        let state = &self.state;
        match &self.plan.nodes[act.node].kind {
            Kind::Transform { loop_of } => Came::Done(Updates {
                log: format!("{name}:{}", state.near.len()),
                total: 1,
                best: Some(state.total),
                near: true,
                lap: *loop_of,
            }),
            Kind::Ask => {
                let n = answer(self.seed, name);
                Came::Done(Updates {
                    log: format!("{name}!{n}"),
                    total: n,
                    ..Updates::default()
                })
            }
            Kind::Send { .. } => Came::Done(Updates::default()),
            Kind::Task(way) => self.call(name, *way, true),
            Kind::Item(way) => self.call(&format!("{name}.{}", act.n), *way, false),
            Kind::Choice { .. } | Kind::Loop { .. } => unreachable!("routes are followed, not run"),
        }
    }

    fn call(&mut self, key: &str, way: Failing, near: bool) -> Came {
        for attempt in 1..=2 {
            self.calls += 1;
            if let Some(x) = reply(self.seed, key, self.state.total, attempt) {
                return Came::Done(Updates {
                    log: format!("{key}={x}"),
                    total: x,
                    near,
                    ..Updates::default()
                });
            }
        }
        match way {
            Failing::Run => Came::Failed,
            Failing::Skip => Came::Skipped,
            Failing::End => Came::Left,
        }
    }

    fn update(&mut self, name: &str, updates: &Updates) {
        let state = &mut self.state;
        if !updates.log.is_empty() {
            state.log.push(updates.log.clone());
        }
        state.total += updates.total;
        state.best = state.best.max(updates.best.unwrap_or(0));
        if updates.near {
            state.near.push(name.to_owned());
        }
        if let Some(lap) = updates.lap {
            *state.laps.entry(lap).or_default() += 1;
        }
    }

    /// Follows the arrows of what has settled; those of items once for all of them.
    fn fire_all(&mut self, acts: &[Act], came: &[Came]) {
        let mut fired: Vec<usize> = Vec::new();
        for (act, came) in acts.iter().zip(came) {
            match came {
                Came::Left => {}
                Came::Failed => self.arrive_failed(act),
                Came::Done(_) | Came::Skipped => match &self.plan.nodes[act.node].kind {
                    Kind::Send { most, item } => self.start_items(act, *most, *item),
                    Kind::Item(_) if fired.contains(&act.node) => {}
                    _ => {
                        fired.push(act.node);
                        self.fire(act);
                    }
                },
            }
        }
    }

    /// A send's list is of the state that it saw: the updates of its own step came after it. Sends stand alone in
    /// their step, and update nothing.
    fn start_items(&mut self, act: &Act, most: i64, item: usize) {
        let count = self.state.total % (most + 1);
        for n in 0..count {
            self.next.push(Act {
                node: item,
                n,
                within: act.within.clone(),
            });
        }
        if count == 0 {
            let group = Act {
                node: item,
                ..act.clone()
            };
            self.fire(&group);
        }
    }

    fn fire(&mut self, act: &Act) {
        let outs = self.plan.nodes[act.node].outs.clone();
        let targets: Vec<usize> = outs
            .iter()
            .filter_map(|out| match out {
                Out::To(to) => Some(*to),
                _ => None,
            })
            .collect();
        let fork = self
            .plan
            .joins
            .iter()
            .position(|join: &Join| join.entries == targets);
        if let Some(join) = fork {
            let round = self.taken;
            self.taken += 1;
            self.rounds.insert(
                round,
                Round {
                    join,
                    arrived: vec![None; self.plan.joins[join].sources],
                    within: act.within.clone(),
                },
            );
            for (branch, to) in targets.into_iter().enumerate() {
                let within = [act.within.as_slice(), &[(round, branch)]].concat();
                self.follow(to, within);
            }
            return;
        }
        for out in outs {
            match out {
                Out::To(to) => self.follow(to, act.within.clone()),
                Out::Arrive(join, source) => self.arrive(join, source, &act.within, true),
                Out::End => {}
            }
        }
    }

    /// Starts a node, or decides a route over the newest state.
    fn follow(&mut self, to: usize, within: Vec<(usize, usize)>) {
        match &self.plan.nodes[to].kind {
            Kind::Choice { by, rest, ways } => {
                let way = usize::from(self.state.total % by != *rest);
                self.follow(ways[way], within);
            }
            Kind::Loop { of, most, again, on } => {
                let laps = self.state.laps.get(of).copied().unwrap_or(0);
                self.follow(if laps <= *most { *again } else { *on }, within);
            }
            _ => self.next.push(Act {
                node: to,
                n: 0,
                within,
            }),
        }
    }

    fn arrive(&mut self, join: usize, source: usize, within: &[(usize, usize)], succeeded: bool) {
        let round = within
            .iter()
            .rev()
            .find(|(round, _)| self.rounds.get(round).is_some_and(|round| round.join == join));
        if let Some((round, _)) = round
            && let Some(round) = self.rounds.get_mut(round)
        {
            round.arrived[source] = Some(succeeded);
        }
    }

    /// The tolerant join whose branch takes a failure.
    fn tolerant(&self, act: &Act) -> Option<(usize, usize)> {
        let (round, branch) = act.within.last()?;
        let join = self.rounds.get(round)?.join;
        self.plan.joins[join].least.map(|_| (join, *branch))
    }

    fn arrive_failed(&mut self, act: &Act) {
        if let Some((join, branch)) = self.tolerant(act) {
            self.arrive(join, branch, &act.within, false);
        }
    }

    /// Judges rounds until nothing changes.
    fn judge(&mut self) {
        loop {
            let ripe = self.rounds.iter().find(|(id, round)| {
                (0..round.arrived.len())
                    .all(|branch| round.arrived[branch].is_some() || self.is_dead(**id, branch))
            });
            let Some(id) = ripe.map(|(id, _)| *id) else { return };
            let Some(round) = self.rounds.remove(&id) else {
                return;
            };
            let arrived = round.arrived.iter().filter(|one| one.is_some()).count();
            let succeeded = round.arrived.iter().filter(|one| **one == Some(true)).count();
            let passes = self.plan.joins[round.join]
                .least
                .is_none_or(|least| succeeded >= least);
            if arrived == 0 || !passes {
                continue;
            }
            match self.plan.join_out(round.join) {
                Out::To(to) => self.follow(to, round.within),
                Out::Arrive(join, source) => self.arrive(join, source, &round.within, true),
                Out::End => {}
            }
        }
    }

    /// Nothing can lead to this source any more.
    fn is_dead(&self, round: usize, branch: usize) -> bool {
        let inside = |within: &[(usize, usize)]| within.contains(&(round, branch));
        !self.next.iter().any(|act| inside(&act.within))
            && !self.rounds.values().any(|inner| inside(&inner.within))
    }

    fn json(&self) -> Json {
        let state = &self.state;
        let mut json = json!({
            "log": state.log,
            "total": state.total,
            "best": state.best,
            "near": state.near,
            "outside": 0,
        });
        for lap in 0..self.plan.loops() {
            json[format!("laps{lap}")] = json!(state.laps.get(&lap).copied().unwrap_or(0));
        }
        json
    }
}
