//! What the compiler proves about flows: a table of passes, one family per file. They read HIR and
//! report; types and names are proven where HIR is made.

mod clauses;
mod cycles;
mod fields;
pub mod graph_view;
mod joins;
pub mod plays;
mod run_fields;
pub mod shape;
mod site;
pub mod together;
mod waits;
mod ways;
mod writers;
pub mod written;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use flow_diagnostics::{Code, Diagnostic, codes};

use crate::hir::flow::{Flow, NodeKind};
use crate::hir::{FieldRef, Program};
use graph_view::{GraphView, Vertex};
use plays::Plays;
use shape::Components;
use together::Together;

/// One thing that is proven.
pub struct Pass {
    /// What, in a few words.
    pub name: &'static str,
    /// The codes that it reports.
    pub codes: &'static [Code],
    /// Looks at one flow.
    run: fn(&Facts<'_>, &mut Vec<Diagnostic>),
}

/// All of them, in order of running.
pub const PASSES: &[Pass] = &[
    Pass {
        name: "unreachable nodes",
        codes: &[codes::graph::UNREACHABLE],
        run: ways::unreachable,
    },
    Pass {
        name: "no way out",
        codes: &[codes::graph::NO_WAY_OUT],
        run: ways::no_way_out,
    },
    Pass {
        name: "arrows from deciders",
        codes: &[codes::graph::ARROW_FROM_ROUTE],
        run: ways::from_route,
    },
    Pass {
        name: "arrows at `finally`",
        codes: &[codes::graph::ARROW_AT_FINALLY],
        run: ways::at_finally,
    },
    Pass {
        name: "missing parameters",
        codes: &[codes::graph::PARAMETERS_MISSING],
        run: ways::parameters,
    },
    Pass {
        name: "duplicate edges",
        codes: &[codes::graph::DUPLICATE_EDGE],
        run: ways::duplicates,
    },
    Pass {
        name: "arrows beside a goto",
        codes: &[codes::graph::ARROWS_OF_GOTO],
        run: ways::beside_goto,
    },
    Pass {
        name: "cycles without exit",
        codes: &[codes::graph::CYCLE_WITHOUT_EXIT],
        run: cycles::without_exit,
    },
    Pass {
        name: "cycles of routes",
        codes: &[codes::graph::CYCLE_OF_ROUTES],
        run: cycles::of_routes,
    },
    Pass {
        name: "stuck cycles",
        codes: &[codes::graph::STUCK_CYCLE],
        run: cycles::stuck,
    },
    Pass {
        name: "default limit",
        codes: &[codes::lints::DEFAULT_LIMIT],
        run: cycles::default_limit,
    },
    Pass {
        name: "joins that never pass",
        codes: &[codes::graph::JOIN_NEVER_PASSES],
        run: joins::never_passes,
    },
    Pass {
        name: "sources past the target",
        codes: &[codes::graph::SOURCE_PAST_TARGET],
        run: joins::past_target,
    },
    Pass {
        name: "races of waits",
        codes: &[codes::graph::RACE_OF_WAITS],
        run: joins::race_of_waits,
    },
    Pass {
        name: "waits for ever",
        codes: &[codes::graph::WAITS_FOR_EVER],
        run: waits::for_ever,
    },
    Pass {
        name: "events unheard",
        codes: &[codes::graph::EVENT_UNHEARD],
        run: waits::unheard,
    },
    Pass {
        name: "read before written",
        codes: &[codes::state::READ_BEFORE_WRITTEN],
        run: written::check,
    },
    Pass {
        name: "two writers",
        codes: &[codes::state::TWO_WRITERS, codes::state::TWO_OVERWRITES],
        run: writers::two_writers,
    },
    Pass {
        name: "started twice",
        codes: &[codes::graph::STARTED_TWICE],
        run: writers::started_twice,
    },
    Pass {
        name: "orders that cannot be told",
        codes: &[codes::graph::CANNOT_TELL],
        run: writers::cannot_tell,
    },
    Pass {
        name: "fields nobody writes or reads",
        codes: &[codes::state::NEVER_WRITTEN, codes::state::NEVER_READ],
        run: fields::unused,
    },
    Pass {
        name: "ephemeral misread",
        codes: &[codes::state::EPHEMERAL_MISREAD],
        run: fields::ephemeral,
    },
    Pass {
        name: "attempts without timeout",
        codes: &[codes::lints::NO_TIMEOUT],
        run: clauses::no_timeout,
    },
    Pass {
        name: "properties of `run` out of place",
        codes: &[codes::types::RUN_FIELD_PLACE],
        run: run_fields::out_of_place,
    },
    Pass {
        name: "undo missing",
        codes: &[codes::lints::UNDO_MISSING],
        run: clauses::undo_missing,
    },
];

/// Runs every pass over every flow of the program.
pub fn run(program: &Program) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for flow in &program.flows {
        let facts = Facts::new(program, flow);
        for pass in PASSES {
            (pass.run)(&facts, &mut found);
        }
    }
    waits::locks_in_both_orders(program, &mut found);
    found
}

/// What is known about a flow. What costs is found when it is first asked for.
pub struct Facts<'p> {
    /// The whole program.
    pub program: &'p Program,
    /// The flow.
    pub flow: &'p Flow,
    /// Its graph.
    pub view: GraphView<'p>,
    /// By vertex: whether it can run.
    pub reached: Vec<bool>,
    /// Its cycles.
    pub components: Components,
    /// Something could not be understood and has been reported, so that nothing can be said about
    /// what leads where.
    pub broken: bool,
    together: OnceCell<Together>,
    plays: OnceCell<Option<Plays>>,
    plays_of: RefCell<BTreeMap<FieldRef, Option<Rc<Plays>>>>,
}

/// What is known about two nodes that may run at the same time, or a read before a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// In no play.
    No,
    /// The flow is too large, and too little ordered, to tell.
    Perhaps,
    /// In some play.
    Yes,
}

/// Flows with more nodes and joins are left to the quick analyses.
const MOST_PLAYED: usize = 40;
/// States of plays that are looked at in one check.
const MOST_STATES: usize = 4_000;

impl<'p> Facts<'p> {
    /// Looks at a flow.
    pub fn new(program: &'p Program, flow: &'p Flow) -> Self {
        let view = GraphView::new(flow);
        let reached = shape::reachable(&view);
        let components = Components::new(&view, |_| true);
        let unknown = view.ins(view.unknown()).next().is_some();
        let broken = unknown || flow.nodes.iter().any(|node| matches!(node.kind, NodeKind::Error));
        Self {
            program,
            flow,
            view,
            reached,
            components,
            broken,
            together: OnceCell::new(),
            plays: OnceCell::new(),
            plays_of: RefCell::default(),
        }
    }

    /// What can run at the same time.
    pub fn together(&self) -> &Together {
        self.together.get_or_init(|| Together::new(&self.view))
    }

    /// Whether a pass has asked what can run at the same time.
    pub fn asked_together(&self) -> bool {
        self.together.get().is_some()
    }

    /// Whether two vertices can run at the same time. The quick analysis is asked first; what it
    /// finds, the plays decide where the flow is small enough.
    pub fn race(&self, a: Vertex, b: Vertex) -> Verdict {
        let quick = self.together();
        if !quick.can(a, b) {
            return Verdict::No;
        }
        match self.plays() {
            Some(plays) if plays.can(a, b) => Verdict::Yes,
            Some(_) => Verdict::No,
            None if quick.is_sure(a, b) => Verdict::Yes,
            None => Verdict::Perhaps,
        }
    }

    /// All plays, without a look at any field; none where there are too many.
    pub fn plays(&self) -> Option<&Plays> {
        let plays = || {
            self.is_small()
                .then(|| Plays::of(&self.view, None, MOST_STATES))
                .flatten()
        };
        self.plays.get_or_init(plays).as_ref()
    }

    /// All plays, with a look at one field.
    pub fn plays_of(&self, field: FieldRef) -> Option<Rc<Plays>> {
        let plays = || {
            self.is_small()
                .then(|| Plays::of(&self.view, Some(field), MOST_STATES))
                .flatten()
        };
        let mut known = self.plays_of.borrow_mut();
        known.entry(field).or_insert_with(|| plays().map(Rc::new)).clone()
    }

    fn is_small(&self) -> bool {
        self.flow.nodes.len() + self.flow.joins.len() <= MOST_PLAYED
    }
}
