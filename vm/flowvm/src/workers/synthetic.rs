//! Replies made from reply types, so that a flow can be tried before one of its workers exists. The same seed
//! and the same place in the run give the same reply.

use serde_json::{Map, Value as Json, json};

use flow_bytecode::{Image, RecordField, Type, TypeId};
use flow_machine::Program;
use flow_machine::border::check_json;
use flow_machine::interp::{Fuel, Interp};

/// How many values are tried against the condition of a refined type.
const TRIES: u32 = 200;
/// How deep values nest; below, lists are empty and what may be null is.
const DEPTH: u32 = 5;
/// What checking one value may cost.
const FUEL: u64 = 1_000_000;
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
        random: start,
    }
    .value(ty, 0)
}

struct Maker<'a> {
    program: &'a Program,
    image: &'a Image,
    random: u64,
}

impl Maker<'_> {
    fn value(&mut self, ty: TypeId, depth: u32) -> Option<Json> {
        let image = self.image;
        Some(match &image.types[ty.index()] {
            Type::Bool => json!(self.below(2) == 1),
            Type::Int => json!(self.below(100)),
            Type::Float => json!(self.below(100) as f64 / 100.0),
            Type::String => json!(self.words()),
            Type::Duration => json!(format!("PT{}S", 1 + self.below(59))),
            Type::Time => json!(format!("2026-01-{:02}T12:00:00Z", 1 + self.below(28))),
            Type::Json => json!({"synthetic": self.words()}),
            Type::Nullable(inner) if depth < DEPTH && self.below(4) > 0 => self.value(*inner, depth + 1)?,
            // Replies with secrets are refused by the compiler.
            Type::Nullable(_) | Type::Secret => Json::Null,
            Type::List(inner) => {
                let items = if depth < DEPTH { 1 + self.below(3) } else { 0 };
                (0..items)
                    .map(|_| self.value(*inner, depth + 1))
                    .collect::<Option<_>>()?
            }
            Type::Map(inner) => {
                let mut entries = Map::new();
                for key in WORDS.iter().take(if depth < DEPTH {
                    1 + self.below(2) as usize
                } else {
                    0
                }) {
                    entries.insert((*key).to_owned(), self.value(*inner, depth + 1)?);
                }
                Json::Object(entries)
            }
            Type::Record { fields, .. } => Json::Object(self.fields(fields, depth)?),
            Type::Enum { variants, .. } => {
                json!(image.str(variants[self.below(variants.len() as u64) as usize]))
            }
            Type::Union { variants, .. } => {
                let (tag, fields) = &variants[self.below(variants.len() as u64) as usize];
                let mut entries = Map::from_iter([("tag".to_owned(), json!(image.str(*tag)))]);
                entries.extend(self.fields(fields, depth)?);
                Json::Object(entries)
            }
            Type::Refined { base, text, .. } => {
                let numbers = numbers(image.str(*text));
                let base = *base;
                (0..TRIES).find_map(|attempt| {
                    let candidate = self.candidate(base, &numbers, attempt, depth)?;
                    self.fits(ty, &candidate).then_some(candidate)
                })?
            }
        })
    }

    fn fields(&mut self, fields: &[RecordField], depth: u32) -> Option<Map<String, Json>> {
        let image = self.image;
        fields
            .iter()
            .map(|field| Some((image.str(field.name).to_owned(), self.value(field.ty, depth + 1)?)))
            .collect()
    }

    /// A value near the numbers that the condition mentions, every other time.
    fn candidate(&mut self, base: TypeId, numbers: &[f64], attempt: u32, depth: u32) -> Option<Json> {
        if numbers.is_empty() || attempt % 2 == 1 {
            return self.value(base, depth);
        }
        let (low, high) = numbers
            .iter()
            .fold((f64::MAX, f64::MIN), |(low, high), n| (low.min(*n), high.max(*n)));
        let near = low - 1.0 + (high - low + 2.0) * (self.below(1001) as f64 / 1000.0);
        let image = self.image;
        Some(match &image.types[base.index()] {
            Type::Int => json!(near.round() as i64),
            Type::Float => json!((near * 100.0).round() / 100.0),
            Type::String => {
                let text = self.words().repeat(1 + near.max(0.0) as usize / 4);
                json!(
                    text.chars()
                        .take(near.clamp(0.0, 10_000.0) as usize)
                        .collect::<String>()
                )
            }
            Type::List(inner) => {
                let inner = *inner;
                let items = near.clamp(0.0, 100.0) as u64;
                (0..items)
                    .map(|_| self.value(inner, depth + 1))
                    .collect::<Option<_>>()?
            }
            _ => self.value(base, depth)?,
        })
    }

    fn fits(&self, ty: TypeId, candidate: &Json) -> bool {
        let mut fuel = Fuel::new(FUEL);
        check_json(self.program, ty, candidate, &mut Interp::default(), &mut fuel).is_ok()
    }

    fn words(&mut self) -> String {
        let mut word = || WORDS[self.below(WORDS.len() as u64) as usize];
        format!("{} {}", word(), word())
    }

    /// A number below `bound`, by splitmix64.
    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

/// The numbers in a condition as it was written.
fn numbers(text: &str) -> Vec<f64> {
    text.split(|letter: char| !(letter.is_ascii_digit() || letter == '.' || letter == '-' || letter == '_'))
        .filter_map(|word| word.replace('_', "").parse().ok())
        .collect()
}
