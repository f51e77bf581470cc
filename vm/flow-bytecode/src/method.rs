//! The built-in methods, by name and receiver. Their types are known to the compiler, their
//! meaning to the machine's `builtins`; this table keeps both on the same names.

use serde::{Deserialize, Serialize};

macro_rules! methods {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// A built-in method. One name may serve several receivers (`len` of a string, list, map).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "the names are those of the language")]
        pub enum Method { $($variant),* }

        impl Method {
            /// All methods, in the order of the language reference.
            pub const ALL: &'static [Method] = &[$(Method::$variant),*];

            /// The name in source.
            pub fn name(self) -> &'static str {
                match self { $(Method::$variant => $name),* }
            }

            /// The method with this name.
            pub fn by_name(name: &str) -> Option<Method> {
                match name { $($name => Some(Method::$variant),)* _ => None }
            }
        }
    };
}

methods! {
    // Strings (some serve lists and maps too).
    Len "len", Lower "lower", Upper "upper", Trim "trim", Split "split", Join "join", Replace "replace",
    StartsWith "starts_with", EndsWith "ends_with", Contains "contains", Slice "slice", Lines "lines",
    Matches "matches", FindAll "find_all", ToInt "to_int", ToFloat "to_float",
    // Lists.
    Map "map", Filter "filter", Fold "fold", Any "any", All "all", Find "find", First "first", Last "last",
    Take "take", Drop "drop", Reverse "reverse", Sort "sort", SortBy "sort_by", Unique "unique",
    GroupBy "group_by", Zip "zip", Flatten "flatten", FlatMap "flat_map", Sum "sum", Min "min", Max "max",
    Mean "mean", Count "count", Enumerate "enumerate",
    // Maps.
    Keys "keys", Values "values", Get "get", Has "has", MapValues "map_values", Merge "merge",
    Remove "remove", ToList "to_list",
    // Numbers.
    Abs "abs", Round "round", Floor "floor", Ceil "ceil", Clamp "clamp",
    // JSON.
    ParseJson "parse_json", ToJson "to_json",
    // Functions that are written as calls: `hash(x)`, `range(a, b)`.
    Hash "hash", Range "range",
}
