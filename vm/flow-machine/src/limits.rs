//! All bounds of the machine, with their units in their names. What a flow's own `limit` clauses
//! bound is in the image.

/// Instructions, and items touched by built-in methods, that one call of a chunk may spend.
pub const FUEL_PER_CALL: u64 = 10_000_000;

/// Calls within calls: functions, function values and conditions of refined types.
pub const CALL_DEPTH: usize = 64;

/// Containers within containers. JSON from outside is bounded at 128 by its parser.
pub const VALUE_DEPTH: u32 = 96;

/// Activations of one run that are open at the same time.
pub const OPEN_ACTIVATIONS: usize = 1 << 18;

/// Size of one string.
pub const STRING_BYTES: usize = 16 << 20;

/// Items of one list, entries of one map.
pub const LIST_ITEMS: usize = 1 << 20;

/// Written-out size of one value, parts that it shares with others counted each time.
pub const VALUE_BYTES: u64 = 64 << 20;

/// Compiled size of one regular expression.
pub const REGEX_BYTES: usize = 1 << 20;

/// Regular expressions that are kept compiled.
pub const REGEX_CACHE_ENTRIES: usize = 64;
