//! Replies that have to be proven before they count. The machine evaluates conditions; commands, files
//! and addresses are the host's. Time alone proves nothing: somebody is asked then.

use flow_bytecode::{ErrorClass, Verify, VerifyCheck};
use serde_json::{Value as Json, json};

use super::Run;
use super::activation::{About, ActId, Failure, Phase, Role};
use super::envelope::Reply;
use crate::effect::{Check, CheckResult, Verification};
use crate::event::{Effect, EventKind};
use crate::value::Value;
use crate::{Fault, border};

/// How long checks may take that do not say, nanoseconds.
const DEFAULT_WITHIN: i64 = 120_000_000_000;

/// A reply that is not proven yet.
#[derive(Clone, Debug)]
pub(crate) struct Unproven {
    pub(super) attempt: String,
    pub(super) reply: Json,
    /// What was found out so far.
    found: Vec<CheckResult>,
    /// What the host has to find out.
    checks: Vec<Check>,
}

impl Run {
    /// Has a reply proven, if its node asks for it. True: it waits for that.
    pub(super) fn prove(
        &mut self,
        id: ActId,
        attempt: &str,
        reply: &Reply,
        json: &Json,
    ) -> Result<bool, Failure> {
        let program = self.program.clone();
        let node = &program.image().flows[self.flow_at].nodes[id.node.index()];
        let act = &self.acts[&id];
        let Some(verify) = node.verify.as_ref().filter(|_| act.role == Role::Normal) else {
            return Ok(false);
        };
        let Some(frame) = act.call.clone() else {
            return Ok(false);
        };
        let value = self.check(frame.reply, &reply.output).map_err(|fault| Failure {
            class: ErrorClass::InvalidReply,
            code: "F2203",
            ..Failure::from(fault)
        })?;
        let act = &self.acts[&id];
        let (step, sight, mut regs) = (act.step, self.sight_of(act), act.params.to_vec());
        regs.push(value);
        if let Some(settle) = node.settle {
            // A reply that breaks an `ensure` is not worth checking.
            self.eval(settle, &regs, step, &sight)?;
        }
        let (found, checks) = self.make_checks(id, verify, &regs, reply)?;
        for result in &found {
            self.checked(id, attempt, result);
        }
        if let Some(failed) = found.iter().find(|result| result.passed == Some(false)) {
            return Err(failure_of(failed));
        }
        if checks.is_empty() && found.iter().all(|result| result.passed == Some(true)) {
            return Ok(false);
        }
        let within = verify.within.unwrap_or(DEFAULT_WITHIN);
        self.set_unproven(
            id,
            Unproven {
                attempt: attempt.to_owned(),
                reply: json.clone(),
                found,
                checks,
            },
        );
        let due = self.now.saturating_add(within);
        self.set_phase(id, Phase::Proving { due });
        if self.acts[&id]
            .unproven
            .as_ref()
            .is_some_and(|unproven| unproven.checks.is_empty())
        {
            self.ask_for_proof(id);
        } else {
            self.verify(id);
        }
        Ok(true)
    }

    fn set_unproven(&mut self, id: ActId, unproven: Unproven) {
        if let Some(act) = self.acts.get_mut(&id) {
            act.unproven = Some(Box::new(unproven));
        }
    }

    /// Hands the checks of a reply out.
    pub(super) fn verify(&mut self, id: ActId) {
        let act = &self.acts[&id];
        let (Some(unproven), Phase::Proving { due }) = (&act.unproven, &act.phase) else {
            return;
        };
        let verification = Verification {
            activation: self.full_name(act),
            attempt: unproven.attempt.clone(),
            checks: unproven.checks.clone(),
            due: *due,
        };
        self.effect(Effect::Verify(verification));
    }

    /// What can be said at once, and what the host has to find out.
    fn make_checks(
        &mut self,
        id: ActId,
        verify: &Verify,
        regs: &[Value],
        reply: &Reply,
    ) -> Result<(Vec<CheckResult>, Vec<Check>), Fault> {
        let act = &self.acts[&id];
        let (step, sight) = (act.step, self.sight_of(act));
        let (mut found, mut checks) = (Vec::new(), Vec::new());
        for check in &verify.checks {
            match check {
                VerifyCheck::Command(chunk) => checks.push(Check::Command {
                    words: words(&border::to_json(&self.value(*chunk, regs, step, &sight)?)),
                    expected: None,
                }),
                VerifyCheck::File(chunk) => checks.push(Check::File {
                    path: border::text(&self.value(*chunk, regs, step, &sight)?),
                    expected: None,
                }),
                VerifyCheck::Url(chunk) => checks.push(Check::Url {
                    url: border::text(&self.value(*chunk, regs, step, &sight)?),
                    expected: None,
                }),
                VerifyCheck::Ensure(chunk) => {
                    let held = self.eval(*chunk, regs, step, &sight);
                    found.push(CheckResult {
                        check: "ensure".into(),
                        passed: Some(held.is_ok()),
                        message: held.err().map(|fault| fault.to_string()).unwrap_or_default(),
                    });
                }
                VerifyCheck::Receipt => receipt(reply.receipt.as_ref(), &mut found, &mut checks),
            }
        }
        Ok((found, checks))
    }

    /// The host has checked.
    pub(super) fn verified(&mut self, id: ActId, results: &[CheckResult]) {
        let Some(mut unproven) = self.acts.get_mut(&id).and_then(|act| act.unproven.take()) else {
            return;
        };
        let attempt = unproven.attempt.clone();
        for result in results {
            self.checked(id, &attempt, result);
        }
        unproven.found.extend_from_slice(results);
        if let Some(failed) = results.iter().find(|result| result.passed == Some(false)) {
            return self.attempt_failed(id, &attempt, &failure_of(failed));
        }
        if unproven.found.iter().any(|result| result.passed != Some(true))
            || results.len() < unproven.checks.len()
        {
            self.set_unproven(id, *unproven);
            return self.ask_for_proof(id);
        }
        self.count_reply(id, &attempt, &unproven.reply);
    }

    /// A reply counts now.
    pub(super) fn count_reply(&mut self, id: ActId, attempt: &str, json: &Json) {
        let Ok(reply) = Reply::read(json) else { return };
        let said = EventKind::Succeeded {
            attempt: attempt.into(),
        };
        match self.accept(id, said, &reply) {
            Ok(()) => self.keep_reply(id, &reply, json),
            Err(failure) => self.attempt_failed(id, attempt, &failure),
        }
    }

    fn checked(&mut self, id: ActId, attempt: &str, result: &CheckResult) {
        let step = self.acts[&id].step;
        let said = EventKind::Checked {
            attempt: attempt.into(),
            result: result.clone(),
        };
        self.event(step, Some(id.node), said);
    }

    /// A reply could not be checked, or not in time: somebody has to say whether it counts.
    pub(super) fn ask_for_proof(&mut self, id: ActId) {
        let Some(unproven) = self.acts[&id].unproven.clone() else {
            return;
        };
        let open = unproven.found.iter().filter(|result| result.passed.is_none());
        let open: Vec<String> = open
            .map(|result| format!("{}: {}", result.check, result.message))
            .collect();
        let why = if open.is_empty() {
            "its checks did not end in time".to_owned()
        } else {
            open.join("; ")
        };
        let ask = format!(
            "the reply of `{}` could not be verified ({why}). Accept it as it is, answer null to call again, or give up",
            self.node_name(id.node)
        );
        let output = Reply::read(&unproven.reply).map_or(Json::Null, |reply| reply.output);
        let show = json!({ "reply": output, "checks": unproven.found });
        self.ask_about_call(id, ask, show, About::Unproven);
    }
}

fn failure_of(failed: &CheckResult) -> Failure {
    let message = format!("verification failed: {}: {}", failed.check, failed.message);
    Failure::new(ErrorClass::Verification, message)
}

/// A command as words: a list as it is, a text taken apart at blanks. No shell sees it.
fn words(json: &Json) -> Vec<String> {
    match json {
        Json::Array(words) => words
            .iter()
            .map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned))
            .collect(),
        Json::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        other => vec![other.to_string()],
    }
}

/// A receipt has to say that the work is completed; what it names as proof is checked like any other.
fn receipt(receipt: Option<&Json>, found: &mut Vec<CheckResult>, checks: &mut Vec<Check>) {
    let Some(receipt) = receipt else {
        return found.push(CheckResult {
            check: "receipt".into(),
            passed: None,
            message: "the reply has none".into(),
        });
    };
    let status = receipt.get("status").and_then(Json::as_str).unwrap_or("nothing");
    found.push(CheckResult {
        check: "receipt".into(),
        passed: Some(status == "completed"),
        message: format!("it says {status}"),
    });
    for item in receipt
        .get("verification")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        let text = |name: &str| item.get(name).and_then(Json::as_str).map(str::to_owned);
        let (value, expected) = (item.get("value").cloned().unwrap_or(Json::Null), text("expected"));
        match (text("kind").as_deref(), text("value")) {
            (Some("command"), _) => checks.push(Check::Command {
                words: words(&value),
                expected,
            }),
            (Some("file"), Some(path)) => checks.push(Check::File { path, expected }),
            (Some("url"), Some(url)) => checks.push(Check::Url { url, expected }),
            (kind, _) => found.push(CheckResult {
                check: format!("receipt: {}", kind.unwrap_or("an item without a kind")),
                passed: None,
                message: format!("`{value}` cannot be checked"),
            }),
        }
    }
}
