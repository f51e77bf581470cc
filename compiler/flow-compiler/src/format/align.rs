//! Columns: adjacent lines of the same form have their types, reducers, arrows and values one below the other.

use super::doc::{DocId, Docs, FORCED};

/// What stands before a column; lines are aligned where they have the same columns in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    /// The beginning of the line.
    Start,
    /// The type of a field.
    Type,
    /// `by reducer`
    Reducer,
    /// `= value` of a field.
    Default,
    /// `= T` of a type.
    Definition,
    /// `<- value`
    Update,
    /// `-> target`, `=> value` of an arm.
    Arrow,
    /// `-> reply` of a mock.
    Reply,
    /// The value of a limit.
    Limit,
}

/// The columns of a line. Between two of them stands a blank, and what aligns them.
pub(super) type Cells = Vec<(Tab, DocId)>;

/// What stands before a column may be so wide that others are moved for it.
const WIDEST: u32 = 48;
/// Comments behind lines wider than this are not moved to a column.
const WIDEST_LINE: u32 = 80;

/// How far lines may be indented at most for what is said about their width to hold.
const DEEPEST: u32 = 12;

/// The blanks to add before every column but the first of every line. `adjacent[i]` says whether line `i` stands
/// directly below line `i - 1`; `width` is that of the page.
///
/// A line takes part in a column only if what stands before the column stays on one line, with the blanks that are
/// added: else it would come out otherwise the next time.
pub(super) fn pads(docs: &Docs<'_>, lines: &[&Cells], adjacent: &[bool], width: u32) -> Vec<Vec<u32>> {
    let mut pads: Vec<Vec<u32>> = lines.iter().map(|cells| vec![0; cells.len()]).collect();
    let columns = lines.iter().map(|cells| cells.len()).max().unwrap_or(0);
    let limit = width.saturating_sub(DEEPEST);
    for column in 1..columns {
        let mut widths: Vec<Option<u32>> = lines
            .iter()
            .zip(&pads)
            .map(|(cells, pads)| width_before(docs, cells, pads, column))
            .collect();
        let stays = |line: usize, before: u32| {
            let breaks = lines[line][..column]
                .iter()
                .any(|(_, doc)| docs.measure(*doc).breaks);
            !breaks
                || before
                    .saturating_add(1)
                    .saturating_add(lead(docs, lines[line], column))
                    <= limit
        };
        for (line, width) in widths.iter_mut().enumerate() {
            *width = width.filter(|before| stays(line, *before));
        }
        for run in column_runs(lines, &widths, adjacent, column) {
            let widest = widths[run.clone()].iter().flatten().max().copied().unwrap_or(0);
            for line in run {
                widths[line] = widths[line].filter(|_| stays(line, widest));
            }
        }
        for run in column_runs(lines, &widths, adjacent, column) {
            let widest = widths[run.clone()].iter().flatten().max().copied().unwrap_or(0);
            for line in run {
                if let Some(width) = widths[line] {
                    pads[line][column] = widest - width;
                }
            }
        }
    }
    pads
}

/// The blanks to add before the comments behind lines. `widths[i]` is the width of line `i` if it has a comment
/// and can be one line; `width` is that of the page.
pub(super) fn comment_pads(widths: &[Option<u32>], adjacent: &[bool], width: u32) -> Vec<u32> {
    let limit = width.saturating_sub(DEEPEST).min(WIDEST_LINE);
    let short = |line: usize| widths[line].is_some_and(|width| width <= limit);
    let mut pads = vec![0; widths.len()];
    for run in runs(widths.len(), |line| {
        adjacent[line] && short(line - 1) && short(line)
    }) {
        let widest = widths[run.clone()].iter().flatten().max().copied().unwrap_or(0);
        for line in run {
            pads[line] = widths[line].map_or(0, |width| widest - width);
        }
    }
    pads
}

/// Adjacent lines that have the same columns up to this one, and a width before it.
fn column_runs(
    lines: &[&Cells],
    widths: &[Option<u32>],
    adjacent: &[bool],
    column: usize,
) -> Vec<std::ops::Range<usize>> {
    runs(lines.len(), |line| {
        let (above, here) = (lines[line - 1], lines[line]);
        let tabs = |cells: &Cells| {
            cells
                .iter()
                .take(column + 1)
                .map(|(tab, _)| *tab)
                .collect::<Vec<_>>()
        };
        adjacent[line] && widths[line - 1].is_some() && widths[line].is_some() && tabs(above) == tabs(here)
    })
}

/// How many columns stand from a column on before the first possible line break.
fn lead(docs: &Docs<'_>, cells: &Cells, column: usize) -> u32 {
    let mut lead = 0u32;
    for (_, doc) in cells.iter().skip(column) {
        let measure = docs.measure(*doc);
        lead = lead.saturating_add(measure.lead).saturating_add(1);
        if measure.breaks {
            break;
        }
    }
    lead
}

/// The width of a line whose columns are separated by blanks and `pads`, or [`FORCED`].
pub(super) fn line_width(docs: &Docs<'_>, cells: &Cells, pads: &[u32]) -> u32 {
    cells
        .iter()
        .zip(pads)
        .enumerate()
        .fold(0u32, |sum, (at, ((_, doc), pad))| {
            sum.saturating_add(docs.flat(*doc))
                .saturating_add(*pad)
                .saturating_add(u32::from(at > 0))
        })
}

fn width_before(docs: &Docs<'_>, cells: &Cells, pads: &[u32], column: usize) -> Option<u32> {
    cells.get(column)?;
    let width = cells[..column]
        .iter()
        .zip(pads)
        .enumerate()
        .fold(0u32, |sum, (at, ((_, doc), pad))| {
            sum.saturating_add(docs.flat(*doc))
                .saturating_add(*pad)
                .saturating_add(u32::from(at > 0))
        });
    (width != FORCED && width <= WIDEST).then_some(width)
}

/// Cuts `0..len` where a line does not go on with the one before.
fn runs(len: usize, goes_on: impl Fn(usize) -> bool) -> Vec<std::ops::Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for line in 1..=len {
        if line == len || !goes_on(line) {
            runs.push(start..line);
            start = line;
        }
    }
    runs
}
