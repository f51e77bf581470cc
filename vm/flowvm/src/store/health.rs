//! What is known of a worker from its calls, and when it may be called next: its rate, its own wish to be left alone,
//! its breaker. Rules only: times come from outside, and where this is kept stands in `sqlite`.

use flow_machine::Time;

use crate::clock;
use crate::config::{Breaker, Rate};

/// What all processes on a store know of a worker's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Until when the worker itself wants to be left alone.
    pub rest_until: Time,
    /// When the next call were due if all had come evenly spaced: the "theoretical arrival time" of GCRA, the
    /// generic cell rate algorithm (ITU-T I.371).
    pub even: Time,
    /// Failures since it last worked.
    pub in_row: u32,
    /// Failures since its breaker was last closed.
    pub failures: u32,
    /// When an open breaker lets the next call through; none: it is closed.
    pub open_until: Option<Time>,
    /// Whether a call is under way that shows whether the worker is well again.
    pub probing: bool,
}

/// Why a call has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The worker wants to be left alone.
    Rest,
    /// Its breaker is open.
    Breaker,
    /// It was called as often as its rate allows.
    Rate,
}

/// What an outcome says about a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learned {
    /// Whether it works.
    pub verdict: Verdict,
    /// Until when it wants to be left alone.
    pub rest: Option<Time>,
}

/// Whether a worker works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has done what it was asked for.
    Good,
    /// It is there, and has refused this call or answered it wrongly: that is no matter of its health.
    Alive,
    /// It is not there, or not well.
    Bad,
}

/// The state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// Calls go through.
    Closed,
    /// No call goes through before this.
    Open(Time),
    /// One call may go through, or is under way: it decides.
    HalfOpen,
}

impl Health {
    /// Takes a turn for a call, or says when to ask again.
    pub fn ask(
        &mut self,
        rate: Option<Rate>,
        breaker: Option<Breaker>,
        now: Time,
    ) -> Result<(), (Time, Hold)> {
        if self.rest_until > now {
            return Err((self.rest_until, Hold::Rest));
        }
        let tripped = self.open_until.filter(|_| breaker.is_some());
        if let Some(until) = tripped.filter(|until| *until > now) {
            return Err((until, Hold::Breaker));
        }
        if let Some(rate) = rate {
            let interval = clock::nanos(rate.per / rate.calls);
            let due = self.even.max(now);
            let ahead = interval.saturating_mul(i64::from(rate.burst) - 1);
            let from = due.saturating_sub(ahead);
            if from > now {
                return Err((from, Hold::Rate));
            }
            self.even = due.saturating_add(interval);
        }
        if let (Some(_), Some(breaker)) = (tripped, breaker) {
            // The probe. What follows waits as long again: should the probe's process die, another one may go.
            self.open_until = Some(now.saturating_add(clock::nanos(breaker.cooldown)));
            self.probing = true;
        }
        Ok(())
    }

    /// Takes note of an outcome.
    pub fn learn(&mut self, learned: Learned, breaker: Option<Breaker>, now: Time) {
        self.rest_until = self.rest_until.max(learned.rest.unwrap_or(0));
        match learned.verdict {
            Verdict::Good => {
                self.in_row = 0;
                self.close();
            }
            Verdict::Alive if self.probing => self.close(),
            Verdict::Alive => {}
            Verdict::Bad => {
                self.in_row = self.in_row.saturating_add(1);
                self.failures = self.failures.saturating_add(1);
                let Some(breaker) = breaker else { return };
                let trips = self.in_row >= breaker.consecutive || self.failures >= breaker.total;
                if self.probing || trips && self.open_until.is_none() {
                    self.open_until = Some(now.saturating_add(clock::nanos(breaker.cooldown)));
                    self.probing = false;
                }
            }
        }
    }

    /// The state of its breaker.
    pub fn circuit(&self, now: Time) -> Circuit {
        match self.open_until {
            None => Circuit::Closed,
            Some(until) if until > now && !self.probing => Circuit::Open(until),
            Some(_) => Circuit::HalfOpen,
        }
    }

    /// Whether an outcome of this kind changes nothing.
    pub fn knows(&self, learned: Learned) -> bool {
        let news = match learned.verdict {
            Verdict::Good => self.in_row > 0 || self.open_until.is_some(),
            Verdict::Alive => self.probing,
            Verdict::Bad => true,
        };
        !news && learned.rest.is_none()
    }

    /// Closes an open breaker; both its counts begin anew.
    fn close(&mut self) {
        if self.open_until.take().is_some() {
            (self.in_row, self.failures, self.probing) = (0, 0, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const BREAKER: Option<Breaker> = Some(Breaker {
        consecutive: 3,
        total: 5,
        cooldown: Duration::from_mins(1),
    });

    fn outcome(verdict: Verdict) -> Learned {
        Learned { verdict, rest: None }
    }

    /// The moments at which a worker of this rate is called by callers that are always there.
    fn calls(rate: Rate, until: Time) -> Vec<Time> {
        let (mut health, mut now, mut at) = (Health::default(), 0, Vec::new());
        while now <= until {
            match health.ask(Some(rate), None, now) {
                Ok(()) => at.push(now),
                Err((later, why)) => {
                    assert!(later > now && why == Hold::Rate);
                    now = later;
                }
            }
        }
        at
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_evenly_spaced() {
        let rate = |burst| Rate {
            calls: 4,
            per: Duration::from_secs(1),
            burst,
        };
        let quarter = SECOND / 4;
        assert_eq!(
            calls(rate(3), SECOND),
            [0, 0, 0, quarter, 2 * quarter, 3 * quarter, SECOND]
        );
        assert_eq!(
            calls(rate(1), SECOND),
            [0, quarter, 2 * quarter, 3 * quarter, SECOND]
        );
    }

    #[test]
    fn what_was_not_used_is_saved_up_to_a_burst_and_no_further() {
        let rate = Some(Rate {
            calls: 10,
            per: Duration::from_secs(1),
            burst: 5,
        });
        let mut health = Health::default();
        for now in [0, 1000 * SECOND] {
            let went = (0..20).filter(|_| health.ask(rate, None, now).is_ok()).count();
            assert_eq!(went, 5);
        }
        assert_eq!(health.ask(rate, None, 1000 * SECOND + SECOND / 10), Ok(()));
    }

    /// Whatever somebody writes into `flow.toml`.
    #[test]
    fn no_duration_is_too_long() {
        let rate = Some(Rate {
            calls: 1,
            per: Duration::MAX,
            burst: u32::MAX,
        });
        let breaker = Some(Breaker {
            consecutive: 1,
            total: 1,
            cooldown: Duration::MAX,
        });
        let mut health = Health::default();
        for now in [0, i64::MAX / 2] {
            assert_eq!(health.ask(rate, breaker, now), Ok(()));
        }
        health.learn(outcome(Verdict::Bad), breaker, SECOND);
        assert_eq!(health.circuit(SECOND), Circuit::Open(i64::MAX));
        assert_eq!(health.ask(rate, breaker, SECOND), Err((i64::MAX, Hold::Breaker)));
    }

    /// However callers behave, no window has more calls than the burst and what the rate gives in it.
    #[test]
    fn no_window_has_more_than_the_rate_and_a_burst() {
        let rate = Rate {
            calls: 7,
            per: Duration::from_secs(1),
            burst: 4,
        };
        let (mut health, mut now, mut at) = (Health::default(), 0, Vec::new());
        let mut dice = 12_345_u64;
        while now < 50 * SECOND {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            now += (dice >> 33) as i64 % (SECOND / 5);
            for _ in 0..dice >> 60 {
                if health.ask(Some(rate), None, now).is_ok() {
                    at.push(now);
                }
            }
        }
        assert!(at.len() > 300, "{}", at.len());
        for (first, from) in at.iter().enumerate() {
            for (last, to) in at.iter().enumerate().skip(first) {
                let most = 4 + (to - from) * 7 / SECOND;
                assert!((last - first + 1) as i64 <= most, "{from}..{to}");
            }
        }
    }

    #[test]
    fn three_in_a_row_open_the_breaker_and_a_success_between_starts_anew() {
        let mut health = Health::default();
        for verdict in [
            Verdict::Bad,
            Verdict::Bad,
            Verdict::Good,
            Verdict::Bad,
            Verdict::Bad,
        ] {
            health.learn(outcome(verdict), BREAKER, 0);
            assert_eq!(health.circuit(0), Circuit::Closed);
        }
        // Only what concerns its health counts, and it breaks no row.
        health.learn(outcome(Verdict::Alive), BREAKER, 0);
        health.learn(outcome(Verdict::Bad), BREAKER, SECOND);
        assert_eq!(health.circuit(SECOND), Circuit::Open(61 * SECOND));
        assert_eq!(
            health.ask(None, BREAKER, 2 * SECOND),
            Err((61 * SECOND, Hold::Breaker))
        );
    }

    #[test]
    fn so_many_in_all_open_it_too() {
        let mut health = Health::default();
        for _ in 0..4 {
            health.learn(outcome(Verdict::Bad), BREAKER, 0);
            health.learn(outcome(Verdict::Good), BREAKER, 0);
        }
        assert_eq!(health.circuit(0), Circuit::Closed);
        health.learn(outcome(Verdict::Bad), BREAKER, 0);
        assert_eq!(health.circuit(0), Circuit::Open(60 * SECOND));
    }

    #[test]
    fn one_probe_decides() {
        let open = || {
            let mut health = Health::default();
            (0..3).for_each(|_| health.learn(outcome(Verdict::Bad), BREAKER, 0));
            assert_eq!(health.circuit(60 * SECOND), Circuit::HalfOpen);
            assert_eq!(health.ask(None, BREAKER, 60 * SECOND), Ok(()));
            assert_eq!(health.circuit(61 * SECOND), Circuit::HalfOpen);
            // Nobody else goes beside it; one that is never heard of again is followed by another.
            assert_eq!(
                health.ask(None, BREAKER, 61 * SECOND),
                Err((120 * SECOND, Hold::Breaker))
            );
            health
        };
        let mut failed = open();
        failed.learn(outcome(Verdict::Bad), BREAKER, 70 * SECOND);
        assert_eq!(failed.circuit(70 * SECOND), Circuit::Open(130 * SECOND));
        for verdict in [Verdict::Good, Verdict::Alive] {
            let mut well = open();
            well.learn(outcome(verdict), BREAKER, 70 * SECOND);
            assert_eq!(
                (well.circuit(70 * SECOND), well.failures, well.in_row),
                (Circuit::Closed, 0, 0)
            );
        }
        assert_eq!(open().ask(None, BREAKER, 120 * SECOND), Ok(()));
    }

    /// Calls that were under way when it opened do not keep it open for longer.
    #[test]
    fn late_failures_do_not_move_the_end() {
        let mut health = Health::default();
        (0..3).for_each(|_| health.learn(outcome(Verdict::Bad), BREAKER, 0));
        health.learn(outcome(Verdict::Bad), BREAKER, 30 * SECOND);
        assert_eq!(health.circuit(30 * SECOND), Circuit::Open(60 * SECOND));
    }

    #[test]
    fn a_worker_that_wants_to_be_left_alone_is() {
        let mut health = Health::default();
        let rest = Learned {
            verdict: Verdict::Alive,
            rest: Some(5 * SECOND),
        };
        assert!(!health.knows(rest) && health.knows(outcome(Verdict::Good)));
        health.learn(rest, None, 0);
        assert_eq!(health.ask(None, None, SECOND), Err((5 * SECOND, Hold::Rest)));
        assert_eq!(health.ask(None, None, 5 * SECOND), Ok(()));
    }
}
