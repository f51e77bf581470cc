//! Texts that a regular expression matches.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::Random;

/// How often something repeats beyond what it must.
const REPEATS: u64 = 3;
/// The longest text that is made.
const LONGEST: usize = 4096;

/// A text that matches, if the pattern can be read. `stretch` makes what may repeat repeat more often.
pub(super) fn matching(pattern: &str, random: &mut Random, stretch: u64) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut out = String::new();
    write(&hir, random, stretch, &mut out);
    Some(out)
}

fn write(hir: &Hir, random: &mut Random, stretch: u64, out: &mut String) {
    if out.len() > LONGEST {
        return;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => out.extend(letter(class, random)),
        HirKind::Capture(group) => write(&group.sub, random, stretch, out),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, random, stretch, out)),
        HirKind::Alternation(choices) => {
            let choice = random.below(choices.len() as u64) as usize;
            write(&choices[choice], random, stretch, out);
        }
        HirKind::Repetition(repetition) => {
            let least = u64::from(repetition.min);
            let most = repetition.max.map_or(u64::MAX, u64::from);
            let most = most.min(least.saturating_add(REPEATS + stretch));
            let least = least.max(stretch.min(most));
            let times = least + random.below(most - least + 1);
            for _ in 0..times {
                write(&repetition.sub, random, stretch, out);
            }
        }
    }
}

/// A letter of a class, a plain one if there is any.
fn letter(class: &Class, random: &mut Random) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => {
            let ranges = class
                .iter()
                .map(|range| (range.start().into(), range.end().into()));
            ranges.collect()
        }
    };
    let plain: Vec<(char, char)> = ranges
        .iter()
        .filter_map(|(start, end)| {
            let (start, end) = ((*start).max('0'), (*end).min('z'));
            (start <= end).then_some((start, end))
        })
        .collect();
    let ranges = if plain.is_empty() { ranges } else { plain };
    // Letters and digits before the signs that stand between them.
    for _ in 0..16 {
        let found = pick(&ranges, random)?;
        if found.is_alphanumeric() {
            return Some(found);
        }
    }
    pick(&ranges, random)
}

fn pick(ranges: &[(char, char)], random: &mut Random) -> Option<char> {
    if ranges.is_empty() {
        return None;
    }
    let (start, end) = ranges[random.below(ranges.len() as u64) as usize];
    let (start, end) = (u32::from(start), u32::from(end));
    let at = start + random.below(u64::from(end - start) + 1) as u32;
    char::from_u32(at).or_else(|| char::from_u32(start))
}
