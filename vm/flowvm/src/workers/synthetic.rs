//! Replies made from reply types, so that a flow can be tried before one of its workers exists. The same seed
//! and the same place in the run give the same reply.
//!
//! - `condition`: what a refined type asks of its values. `pattern`: texts that match a regular expression.

mod condition;
mod pattern;

use serde_json::{Map, Value as Json, json};

use flow_bytecode::{Image, RecordField, StrId, Type, TypeId};
use flow_machine::Program;
use flow_machine::border::{check_json, iso_duration, rfc3339, to_json};
use flow_machine::interp::{Fuel, Interp};

use condition::Demands;

/// How many values are tried against the condition of a refined type.
const TRIES: u64 = 200;
/// How deep values nest; below, lists are empty and what may be null is.
const DEPTH: u32 = 5;
/// How deep they may nest at most.
const DEEPEST: u32 = 40;
/// What checking one value may cost.
const FUEL: u64 = 1_000_000;
/// The longest text or list that is made where a length is asked for.
const LONGEST: i64 = 10_000;
/// When made-up times begin: 2026-01-01T00:00:00Z.
const DAWN: i64 = 1_767_225_600_000_000_000;
const SECOND: i64 = 1_000_000_000;
const WORDS: [&str; 12] = [
    "amber", "birch", "cobalt", "delta", "ember", "fjord", "grove", "harbor", "iris", "juniper", "kite",
    "lagoon",
];

/// A value of the type. None if no value was found that satisfies a refined type.
pub fn reply(program: &Program, ty: TypeId, seed: u64, place: &str) -> Option<Json> {
    let start = place.bytes().fold(seed ^ 0x9e37_79b9_7f4a_7c15, |mixed, byte| {
        (mixed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    Maker {
        program,
        image: program.image(),
        random: Random(start),
    }
    .value(ty, &Demands::default(), 0)
}

struct Maker<'a> {
    program: &'a Program,
    image: &'a Image,
    random: Random,
}

/// Numbers that look random, by splitmix64.
struct Random(u64);

impl Random {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    /// A number between two ends, both included.
    fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = (high as u64).wrapping_sub(low as u64).saturating_add(1);
        low.wrapping_add(self.below(span) as i64)
    }
}

impl Maker<'_> {
    fn value(&mut self, ty: TypeId, asked: &Demands, depth: u32) -> Option<Json> {
        if depth > DEEPEST {
            return None;
        }
        if !asked.choices.is_empty() {
            let at = self.random.below(asked.choices.len() as u64) as usize;
            return Some(to_json(&asked.choices[at]));
        }
        let image = self.image;
        Some(match &image.types[ty.index()] {
            Type::Bool => json!(self.random.below(2) == 1),
            Type::Int => json!(self.integer(asked, (0, 99))),
            Type::Float => json!(self.float(asked)),
            Type::String => json!(self.text(asked)),
            Type::Duration => json!(iso_duration(self.integer(asked, (SECOND, 59 * SECOND)))),
            Type::Time => {
                let days = self.random.between(0, 27) * 24 * 3600 * SECOND;
                json!(rfc3339(
                    self.integer(asked, (DAWN + days, DAWN + days + 3600 * SECOND))
                ))
            }
            Type::Json => json!({"synthetic": self.words()}),
            Type::Nullable(inner) if depth < DEPTH && self.random.below(4) > 0 => {
                self.value(*inner, asked, depth + 1)?
            }
            // Replies with secrets are refused by the compiler.
            Type::Nullable(_) | Type::Secret => Json::Null,
            Type::List(inner) => {
                let count = self.length(asked, depth, 3);
                let none = Demands::default();
                (0..count)
                    .map(|_| self.value(*inner, &none, depth + 1))
                    .collect::<Option<_>>()?
            }
            Type::Map(inner) => {
                let count = self.length(asked, depth, 2);
                let mut entries = Map::new();
                for at in 0..count {
                    let value = self.value(*inner, &Demands::default(), depth + 1)?;
                    entries.insert(key(at), value);
                }
                Json::Object(entries)
            }
            Type::Record { fields, .. } => Json::Object(self.fields(fields, asked, depth)?),
            Type::Enum { variants, .. } => {
                json!(image.str(variants[self.random.below(variants.len() as u64) as usize]))
            }
            Type::Union { variants, .. } => {
                let (tag, fields) = self.variant(variants, depth);
                let mut entries = Map::from_iter([("tag".to_owned(), json!(image.str(*tag)))]);
                entries.extend(self.fields(fields, asked, depth)?);
                Json::Object(entries)
            }
            Type::Refined { .. } => self.refined(ty, asked, depth)?,
        })
    }

    /// A value that satisfies a condition: aimed at first, then tried.
    fn refined(&mut self, ty: TypeId, asked: &Demands, depth: u32) -> Option<Json> {
        let (image, program) = (self.image, self.program);
        let (mut base, mut demands) = (ty, asked.clone());
        while let Type::Refined {
            base: inner, check, ..
        } = &image.types[base.index()]
        {
            demands.read(program, *check);
            base = *inner;
        }
        (0..TRIES).find_map(|attempt| {
            // Should the condition be misread, values of any kind are tried too.
            let aimed = attempt % 4 != 3;
            let candidate = if aimed {
                self.value(base, &demands, depth)?
            } else {
                self.value(base, asked, depth)?
            };
            self.fits(ty, &candidate).then_some(candidate)
        })
    }

    fn fits(&self, ty: TypeId, candidate: &Json) -> bool {
        let mut fuel = Fuel::new(FUEL);
        check_json(self.program, ty, candidate, &mut Interp::default(), &mut fuel).is_ok()
    }

    fn fields(&mut self, fields: &[RecordField], asked: &Demands, depth: u32) -> Option<Map<String, Json>> {
        let image = self.image;
        fields
            .iter()
            .map(|field| {
                let name = image.str(field.name);
                Some((
                    name.to_owned(),
                    self.value(field.ty, &asked.field(name), depth + 1)?,
                ))
            })
            .collect()
    }

    /// A case of a union; where values nest too deep, the one with the fewest fields.
    fn variant<'t>(
        &mut self,
        variants: &'t [(StrId, Vec<RecordField>)],
        depth: u32,
    ) -> &'t (StrId, Vec<RecordField>) {
        let any = self.random.below(variants.len() as u64) as usize;
        let smallest = (0..variants.len()).min_by_key(|at| variants[*at].1.len());
        &variants[if depth < DEPTH {
            any
        } else {
            smallest.unwrap_or(any)
        }]
    }

    fn integer(&mut self, asked: &Demands, (low, high): (i64, i64)) -> i64 {
        let end = |number: f64, allowed: bool, up: bool| {
            let beside = !allowed && number.fract() == 0.0;
            let whole = if up { number.ceil() } else { number.floor() } as i64;
            match (beside, up) {
                (true, true) => whole.saturating_add(1),
                (true, false) => whole.saturating_sub(1),
                _ => whole,
            }
        };
        let least = asked.least.map(|(number, allowed)| end(number, allowed, true));
        let greatest = asked
            .greatest
            .map(|(number, allowed)| end(number, allowed, false));
        let width = high - low;
        let (low, high) = match (least, greatest) {
            (None, None) => (low, high),
            (Some(least), None) => (least, least.saturating_add(width)),
            (None, Some(greatest)) => (greatest.saturating_sub(width), greatest),
            (Some(least), Some(greatest)) => (least, greatest.max(least)),
        };
        let number = self.random.between(low, high);
        match asked.step {
            None => number,
            Some(step) => {
                let down = number - number.rem_euclid(step);
                if down < low {
                    down.saturating_add(step)
                } else {
                    down
                }
            }
        }
    }

    /// Of two digits behind the point, if the range has room for them.
    fn float(&mut self, asked: &Demands) -> f64 {
        let (low, high) = match (asked.least, asked.greatest) {
            (None, None) => (0.0, 1.0),
            (Some((least, _)), None) => (least, least + 100.0),
            (None, Some((greatest, _))) => (greatest - 100.0, greatest),
            (Some((least, _)), Some((greatest, _))) => (least, greatest),
        };
        // Never quite at an end, which may not be allowed.
        let share = (1 + self.random.below(998)) as f64 / 1000.0;
        let exact = low + (high - low) * share;
        let short = (exact * 100.0).round() / 100.0;
        if low < short && short < high { short } else { exact }
    }

    fn text(&mut self, asked: &Demands) -> String {
        let shortest = asked.shortest.unwrap_or(0).clamp(0, LONGEST);
        let longest = asked
            .longest
            .map_or(LONGEST, |longest| longest.clamp(shortest, LONGEST));
        let mut text = match asked.patterns.first() {
            Some(pattern) => {
                let stretch = self.random.below(1 + shortest as u64);
                pattern::matching(pattern, &mut self.random, stretch).unwrap_or_default()
            }
            None => self.words(),
        };
        for part in &asked.parts {
            text = format!("{text} {part}");
        }
        if let Some(prefix) = &asked.prefix {
            text = format!("{prefix}{text}");
        }
        let suffix = asked.suffix.clone().unwrap_or_default();
        if !asked.patterns.is_empty() {
            return format!("{text}{suffix}");
        }
        let taken = suffix.chars().count() as i64;
        while (text.chars().count() as i64) < shortest - taken {
            text = format!("{text} {}", self.words());
        }
        let most = (longest - taken).max(0) as usize;
        let kept: String = text.chars().take(most).collect();
        format!("{kept}{suffix}")
    }

    /// How many items: as many as asked for, else a few, and none far down.
    fn length(&mut self, asked: &Demands, depth: u32, few: i64) -> i64 {
        let usual = if depth < DEPTH { few } else { 0 };
        let shortest = asked
            .shortest
            .unwrap_or(i64::from(depth < DEPTH))
            .clamp(0, LONGEST);
        let longest = asked.longest.unwrap_or(shortest.max(usual)).clamp(0, LONGEST);
        let shortest = shortest.min(longest);
        self.random.between(shortest, longest.min(shortest + few))
    }

    fn words(&mut self) -> String {
        let mut word = || WORDS[self.random.below(WORDS.len() as u64) as usize];
        format!("{} {}", word(), word())
    }
}

/// The keys of a map.
fn key(at: i64) -> String {
    let word = WORDS[at as usize % WORDS.len()];
    match at as usize / WORDS.len() {
        0 => word.to_owned(),
        round => format!("{word}_{round}"),
    }
}
