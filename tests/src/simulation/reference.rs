//! What a plan means: one activation after the other, step by step, each step a barrier. Written for clarity, from the
//! rules of execution; it shares nothing with the machine.

use std::collections::BTreeMap;

use flow_machine::Status;
use serde_json::{Value as Json, json};

use super::plan::{Failing, Join, Kind, Out, Plan, Policy};
use super::replies::{Turn, answer, reply, said, turn};

/// How a run ends.
pub(super) struct Ended {
    pub(super) status: Status,
    pub(super) path: Vec<String>,
    pub(super) state: Json,
    pub(super) steps: u64,
    pub(super) calls: u64,
    /// Whether how many steps were begun and calls made is a matter of timing: something was lost or failed
    /// beside them.
    pub(super) loose: bool,
}

/// What a run and all that it runs within share.
struct Shared {
    seed: u64,
    calls: u64,
    loose: bool,
    /// Who had come in when the races were decided, in that order, as far as none has asked.
    winners: Vec<Vec<String>>,
    /// A race that had no winner, though somebody came in.
    undecided: Option<String>,
    /// Whether there may be such a race.
    cut_short: bool,
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
    shared: &'p mut Shared,
    /// The parameter.
    n: i64,
    state: State,
    rounds: BTreeMap<usize, Round>,
    taken: usize,
    next: Vec<Act>,
    steps: u64,
    path: Vec<String>,
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

/// What an activation comes to that needs a result.
fn came(key: &str, x: Option<i64>, adds: Option<i64>, way: Failing, near: bool) -> Came {
    match (x.zip(adds), way) {
        (Some((x, total)), _) => Came::Done(Updates {
            log: format!("{key}={x}"),
            total,
            near,
            ..Updates::default()
        }),
        (None, Failing::Run) => Came::Failed,
        (None, Failing::Skip) => Came::Skipped,
        (None, Failing::End) => Came::Left,
    }
}

/// Runs a plan, with races won as they were.
///
/// # Errors
///
/// A race that nobody won, though somebody came in, unless the run was `cut_short`.
pub(super) fn run(plan: &Plan, seed: u64, winners: &[Vec<String>], cut_short: bool) -> Result<Ended, String> {
    let mut shared = Shared {
        seed,
        calls: 0,
        loose: false,
        winners: winners.to_vec(),
        undecided: None,
        cut_short,
    };
    let mut reference = Reference::new(plan, 0, &mut shared);
    let status = reference.play();
    let (state, steps) = (reference.json(), reference.steps);
    let path = reference.path;
    match shared.undecided {
        Some(race) => Err(format!("nobody won the race of {race}")),
        None => Ok(Ended {
            status,
            path,
            state,
            steps,
            calls: shared.calls,
            loose: shared.loose,
        }),
    }
}

impl<'p> Reference<'p> {
    fn new(plan: &'p Plan, n: i64, shared: &'p mut Shared) -> Self {
        let first = Act {
            node: plan.first,
            n: 0,
            within: Vec::new(),
        };
        Self {
            plan,
            shared,
            n,
            state: State::default(),
            rounds: BTreeMap::new(),
            taken: 0,
            next: vec![first],
            steps: 0,
            path: Vec::new(),
        }
    }

    fn play(&mut self) -> Status {
        while !self.next.is_empty() {
            if self.steps == self.plan.most_steps() {
                return Status::Limit;
            }
            self.steps += 1;
            if !self.step() {
                return Status::Failed;
            }
        }
        Status::Done
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
        let lost = |(act, came): (&Act, &Came)| matches!(came, Came::Failed) && self.tolerant(act).is_none();
        if acts.iter().zip(&came).any(lost) {
            return false;
        }
        self.decide_races(&acts, &mut came);
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
        let plan = self.plan;
        let name = &plan.nodes[act.node].name;
        let state = self.state.clone();
        match &plan.nodes[act.node].kind {
            Kind::Transform { loop_of } => Came::Done(Updates {
                log: format!("{name}:{}", state.near.len()),
                total: 1,
                best: Some(state.total),
                near: true,
                lap: *loop_of,
            }),
            Kind::Ask => {
                let n = answer(self.shared.seed, name);
                Came::Done(Updates {
                    log: format!("{name}!{n}"),
                    total: n,
                    ..Updates::default()
                })
            }
            Kind::Send { .. } => Came::Done(Updates::default()),
            Kind::Seed => Came::Done(Updates {
                log: name.clone(),
                total: self.n % 9,
                ..Updates::default()
            }),
            Kind::Task(way) => {
                let x = self.call(name, state.total);
                came(name, x, x, *way, true)
            }
            Kind::Item(way) => {
                let key = format!("{name}.{}", act.n);
                let x = self.call(&key, state.total);
                came(&key, x, x, *way, false)
            }
            Kind::Agent(way) => {
                let x = self.talk(name, state.total);
                came(name, x, x, *way, true)
            }
            Kind::Sub { child, way } => {
                let x = self.run_child(*child, state.total);
                came(name, x, x.map(|x| x % 9), *way, true)
            }
            Kind::Choice { .. } | Kind::Loop { .. } => unreachable!("routes are followed, not run"),
        }
    }

    /// A call with its retry; none: it failed for good.
    fn call(&mut self, key: &str, n: i64) -> Option<i64> {
        (1..=2).find_map(|attempt| {
            self.shared.calls += 1;
            reply(self.shared.seed, key, n, attempt)
        })
    }

    /// A conversation; none: a turn of it failed for good.
    fn talk(&mut self, key: &str, n: i64) -> Option<i64> {
        let mut results = Vec::new();
        for number in 1.. {
            let came = (1..=2).find_map(|attempt| {
                self.shared.calls += 1;
                turn(self.shared.seed, key, n, number, attempt)
            });
            match came? {
                Turn::Says(base) => return Some(said(base, &results)),
                Turn::Asks(uses) => {
                    for (key, n) in uses {
                        results.push(self.call(&key, n));
                    }
                }
            }
        }
        None
    }

    /// A run within the run; none: it failed.
    fn run_child(&mut self, child: usize, n: i64) -> Option<i64> {
        let mut child = Reference::new(&self.plan.children[child], n, self.shared);
        let done = child.play() == Status::Done;
        let total = child.state.total;
        self.shared.loose |= !done;
        done.then_some(total)
    }

    /// In each race of a step, whoever won it; what the others came to is lost.
    fn decide_races(&mut self, acts: &[Act], came: &mut [Came]) {
        let mut races: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, act) in acts.iter().enumerate() {
            let round = act.within.last().map(|(round, _)| *round);
            if let Some(round) = round.filter(|round| self.races(*round)) {
                races.entry(round).or_default().push(at);
            }
        }
        for runners in races.into_values() {
            self.shared.loose = true;
            let name = |at: usize| &self.plan.nodes[acts[at].node].name;
            let came_in = |at: &&usize| matches!(came[**at], Came::Done(_) | Came::Skipped);
            let in_time: Vec<usize> = runners.iter().filter(came_in).copied().collect();
            let Some(first) = in_time.first() else { continue };
            let told = &mut self.shared.winners;
            // Those who failed before it was decided are named too.
            let among = |arrived: &[String]| in_time.iter().find(|at| arrived.contains(name(**at))).copied();
            let decided = told.iter().position(|arrived| among(arrived).is_some());
            let winner = decided.and_then(|decided| among(&told.remove(decided)));
            if winner.is_none() && !self.shared.cut_short {
                self.shared.undecided.get_or_insert(name(*first).clone());
            }
            let winner = winner.unwrap_or(*first);
            for at in in_time {
                if at != winner {
                    came[at] = Came::Left;
                }
            }
        }
    }

    fn races(&self, round: usize) -> bool {
        let join = self.rounds.get(&round).map(|round| round.join);
        join.is_some_and(|join| self.plan.joins[join].policy == Policy::First)
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
        (self.plan.joins[join].policy != Policy::All).then_some((join, *branch))
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
            let passes = match self.plan.joins[round.join].policy {
                Policy::All => true,
                Policy::Least(least) => succeeded >= least,
                Policy::First => succeeded >= 1,
            };
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
