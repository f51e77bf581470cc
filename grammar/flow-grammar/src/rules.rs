//! pest, and nothing but pest: the generated parser, its rules, and a cursor over what it gives.
//!
//! No other crate sees any of this.

use pest::Parser as _;
use pest::iterators::{Pair, Pairs};

/// The parser that pest makes of `flow.pest`.
#[derive(pest_derive::Parser)]
#[grammar = "flow.pest"]
struct Generated;

static DETAIL: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// A piece of text that a rule has matched.
pub(crate) type Node<'i> = Pair<'i, Rule>;

/// The children of a node, in order. Words and arrows that only say what a rule already says are passed over.
///
/// When it goes out of scope, nothing may be left over but such words: what the grammar knows, the tree holds.
pub(crate) struct Children<'i> {
    pairs: Pairs<'i, Rule>,
}

/// What was expected where parsing failed.
pub(crate) struct Failure {
    /// The byte at which no rule could go on.
    pub(crate) at: usize,
    /// The texts that could have stood there.
    pub(crate) tokens: Vec<String>,
    /// Whether a class of characters (a name, a digit) could have stood there.
    pub(crate) class: bool,
}

/// Parses a text by a rule that matches all of it.
pub(crate) fn parse(rule: Rule, text: &str) -> Result<Pairs<'_, Rule>, Box<pest::error::Error<Rule>>> {
    Generated::parse(rule, text).map_err(Box::new)
}

/// Parses again what has failed, this time to learn what was expected. `None` if it does not fail.
pub(crate) fn explain(rule: Rule, text: &str) -> Option<Failure> {
    let error = {
        // pest keeps this switch in a static of the process; two threads may not turn it at once.
        let _alone = DETAIL.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        pest::set_error_detail(true);
        let error = Generated::parse(rule, text).err();
        pest::set_error_detail(false);
        error
    };
    let error = error?;
    let fallback = match error.location {
        pest::error::InputLocation::Pos(at) | pest::error::InputLocation::Span((at, _)) => at,
    };
    let Some(attempts) = error.parse_attempts() else {
        return Some(Failure {
            at: fallback,
            tokens: Vec::new(),
            class: false,
        });
    };
    let mut tokens = Vec::new();
    let mut class = false;
    for token in attempts.expected_tokens() {
        // pest does not export the type of its tokens, only how they are shown.
        let token = token.to_string();
        if token == "BUILTIN_RULE" || (token.len() == 4 && &token[1..3] == "..") {
            class = true;
        } else {
            tokens.push(token);
        }
    }
    Some(Failure {
        at: attempts.max_position.max(fallback),
        tokens,
        class,
    })
}

impl<'i> Children<'i> {
    /// The children of a node.
    pub(crate) fn of(node: Node<'i>) -> Self {
        Self {
            pairs: node.into_inner(),
        }
    }

    /// The next child, if it is of this rule. Words before it are passed over.
    pub(crate) fn take(&mut self, rule: Rule) -> Option<Node<'i>> {
        self.take_if(|found| found == rule)
    }

    /// The next child, if its rule is wanted. Words before it are passed over, but only if it is.
    pub(crate) fn take_if(&mut self, wanted: impl Fn(Rule) -> bool) -> Option<Node<'i>> {
        let found = self.pairs.peek()?.as_rule();
        if wanted(found) {
            return self.pairs.next();
        }
        if !is_word(found) {
            return None;
        }
        let mut ahead = self.pairs.clone();
        let node = ahead.find(|pair| !is_word(pair.as_rule()))?;
        if !wanted(node.as_rule()) {
            return None;
        }
        self.pairs = ahead;
        Some(node)
    }

    /// The next child, if it is this word.
    pub(crate) fn word(&mut self, rule: Rule) -> Option<Node<'i>> {
        let found = self.pairs.peek()?.as_rule() == rule;
        if found { self.pairs.next() } else { None }
    }

    /// The next child, which the grammar puts here.
    pub(crate) fn need(&mut self, rule: Rule) -> Node<'i> {
        match self.take(rule) {
            Some(node) => node,
            None => unreachable!("the grammar puts a {rule:?} here"),
        }
    }

    /// The next child that is no word.
    pub(crate) fn next(&mut self) -> Option<Node<'i>> {
        self.take_if(|rule| !is_word(rule))
    }

    /// The next child that is no word, which the grammar puts here.
    pub(crate) fn need_next(&mut self) -> Node<'i> {
        match self.next() {
            Some(node) => node,
            None => unreachable!("the grammar puts something here"),
        }
    }
}

impl Drop for Children<'_> {
    fn drop(&mut self) {
        if cfg!(debug_assertions) && !std::thread::panicking() {
            let left: Vec<Rule> = self
                .pairs
                .by_ref()
                .map(|pair| pair.as_rule())
                .filter(|r| !is_word(*r))
                .collect();
            debug_assert!(left.is_empty(), "the tree does not hold {left:?}");
        }
    }
}

/// Whether a rule is a word or an arrow that says nothing more than that it is there.
fn is_word(rule: Rule) -> bool {
    matches!(rule, Rule::arrow | Rule::EOI | Rule::pat_dot)
        || is_word_of_declarations(rule)
        || is_word_of_ways(rule)
        || is_word_of_clauses(rule)
        || is_word_of_tests(rule)
}

/// Words of items, types, expressions and the blocks of a flow.
fn is_word_of_declarations(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::k_as
            | Rule::k_by
            | Rule::k_config
            | Rule::k_const
            | Rule::k_else
            | Rule::k_enum
            | Rule::k_ephemeral
            | Rule::k_event
            | Rule::k_events
            | Rule::k_expect
            | Rule::k_external
            | Rule::k_flow
            | Rule::k_fn
            | Rule::k_for
            | Rule::k_if
            | Rule::k_import
            | Rule::k_in
            | Rule::k_let
            | Rule::k_limit
            | Rule::k_match
            | Rule::k_of
            | Rule::k_return
            | Rule::k_state
            | Rule::k_test
            | Rule::k_then
            | Rule::k_type
            | Rule::k_via
            | Rule::k_where
            | Rule::k_worker
    )
}

/// Words of edges and of what leads somewhere.
fn is_word_of_ways(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::k_all
            | Rule::k_any
            | Rule::k_block
            | Rule::k_cancel
            | Rule::k_each
            | Rule::k_fail
            | Rule::k_first
            | Rule::k_keep
            | Rule::k_majority
            | Rule::k_rest
            | Rule::k_when
            | Rule::k_otherwise
            | Rule::k_goto
            | Rule::k_on
            | Rule::k_error
    )
}

/// Words of what nodes do.
fn is_word_of_clauses(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::k_approval
            | Rule::k_ask
            | Rule::k_attempts
            | Rule::k_backoff
            | Rule::k_cache
            | Rule::k_call
            | Rule::k_command
            | Rule::k_continue
            | Rule::k_emit
            | Rule::k_ensure
            | Rule::k_every
            | Rule::k_factor
            | Rule::k_file
            | Rule::k_finish
            | Rule::k_follow
            | Rule::k_lock
            | Rule::k_may
            | Rule::k_most
            | Rule::k_needs
            | Rule::k_overwrite
            | Rule::k_receipt
            | Rule::k_retry
            | Rule::k_shared
            | Rule::k_show
            | Rule::k_timeout
            | Rule::k_tools
            | Rule::k_transient
            | Rule::k_turn
            | Rule::k_turns
            | Rule::k_undo
            | Rule::k_until
            | Rule::k_update
            | Rule::k_url
            | Rule::k_verify
            | Rule::k_within
    )
}

/// Words of tests.
fn is_word_of_tests(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::k_after
            | Rule::k_answer
            | Rule::k_at
            | Rule::k_fails
            | Rule::k_inject
            | Rule::k_input
            | Rule::k_mock
            | Rule::k_never
            | Rule::k_times
    )
}
