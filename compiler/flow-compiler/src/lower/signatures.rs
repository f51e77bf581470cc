//! The signatures of the built-in methods, as a table that is read once. How a call finds its row is in `methods`.

use std::collections::BTreeMap;

use flow_bytecode::Method;

use crate::types::Ty;

/// Receiver, name, parameters and result. Capital letters are types that the call decides: `N` a number or
/// duration, `O` something that `<` works on, `K` the key of a map, others anything. `=` marks a parameter that
/// may be left out. Rows of one name and receiver differ in their number of parameters, or in the number of
/// parameters of their function.
const SIGNATURES: &str = "
string.len() -> int
string.lower() -> string
string.upper() -> string
string.trim() -> string
string.split(string) -> [string]
string.join([string]) -> string
string.replace(string, string) -> string
string.starts_with(string) -> bool
string.ends_with(string) -> bool
string.contains(string) -> bool
string.slice(int, int=) -> string
string.lines() -> [string]
string.matches(string) -> bool
string.find_all(string) -> [string]
string.to_int() -> int?
string.to_float() -> float?
string.parse_json() -> json
[T].len() -> int
[T].map((T) -> U) -> [U]
[T].filter((T) -> bool) -> [T]
[T].fold(U, (U, T) -> U) -> U
[T].any((T) -> bool) -> bool
[T].all((T) -> bool) -> bool
[T].find((T) -> bool) -> T?
[T].first() -> T?
[T].last() -> T?
[T].take(int) -> [T]
[T].drop(int) -> [T]
[T].slice(int, int=) -> [T]
[T].reverse() -> [T]
[O].sort() -> [O]
[T].sort_by((T) -> O) -> [T]
[T].unique() -> [T]
[T].group_by((T) -> K) -> map<[T]>
[T].zip([U]) -> [{first: T, second: U}]
[[T]].flatten() -> [T]
[T].flat_map((T) -> [U]) -> [U]
[N].sum() -> N
[O].min() -> O?
[O].max() -> O?
[duration].mean() -> duration
[N].mean() -> float
[T].count() -> int
[T].count((T) -> bool) -> int
[T].contains(T) -> bool
[string].join(string=) -> string
[T].enumerate() -> [{index: int, value: T}]
map<T>.len() -> int
map<T>.count() -> int
map<T>.keys() -> [string]
map<T>.values() -> [T]
map<T>.get(string) -> T?
map<T>.get(string, T) -> T
map<T>.has(string) -> bool
map<T>.contains(string) -> bool
map<T>.map_values((T) -> U) -> map<U>
map<T>.map_values((string, T) -> U) -> map<U>
map<T>.filter((T) -> bool) -> map<T>
map<T>.filter((string, T) -> bool) -> map<T>
map<T>.merge(map<T>) -> map<T>
map<T>.remove(string) -> map<T>
map<T>.to_list() -> [{key: string, value: T}]
int.abs() -> int
float.abs() -> float
duration.abs() -> duration
int.round() -> int
int.floor() -> int
int.ceil() -> int
float.round() -> int
float.round(int) -> float
float.floor() -> int
float.ceil() -> int
float.to_int() -> int
int.to_float() -> float
int.to_int() -> int
float.to_float() -> float
int.clamp(int, int) -> int
float.clamp(float, float) -> float
duration.clamp(duration, duration) -> duration
T.to_json() -> string
";

/// The signatures by name.
pub(crate) type Table = BTreeMap<&'static str, Vec<Signature>>;

/// A row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub receiver: Shape,
    pub method: Method,
    pub params: Vec<(Shape, bool)>,
    pub result: Shape,
    pub text: &'static str,
}

/// A type with holes.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Named(&'static str),
    Hole(char),
    List(Box<Shape>),
    Map(Box<Shape>),
    Nullable(Box<Shape>),
    Record(Vec<(&'static str, Shape)>),
    Fn(Vec<Shape>, Box<Shape>),
}

pub(super) type Holes = BTreeMap<char, Ty>;

/// Reads the table.
pub(crate) fn table() -> Table {
    let mut table = Table::new();
    for line in SIGNATURES.lines().filter(|line| !line.is_empty()) {
        let mut reader = Reader { rest: line };
        let receiver = reader.shape();
        reader.eat(".");
        let name = reader.word();
        reader.eat("(");
        let mut params = Vec::new();
        while !reader.eat(")") {
            let shape = reader.shape();
            params.push((shape, reader.eat("=")));
            reader.eat(",");
        }
        reader.eat("->");
        let result = reader.shape();
        if let Some(method) = Method::by_name(name) {
            let row = Signature {
                receiver,
                method,
                params,
                result,
                text: line,
            };
            table.entry(name).or_default().push(row);
        }
    }
    table
}

struct Reader {
    rest: &'static str,
}

impl Reader {
    fn eat(&mut self, token: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> &'static str {
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn shape(&mut self) -> Shape {
        let mut shape = if self.eat("[") {
            let item = self.shape();
            self.eat("]");
            Shape::List(Box::new(item))
        } else if self.eat("{") {
            let mut fields = Vec::new();
            while !self.eat("}") {
                let name = self.word();
                self.eat(":");
                fields.push((name, self.shape()));
                self.eat(",");
            }
            Shape::Record(fields)
        } else if self.eat("(") {
            let mut params = Vec::new();
            while !self.eat(")") {
                params.push(self.shape());
                self.eat(",");
            }
            self.eat("->");
            return Shape::Fn(params, Box::new(self.shape()));
        } else {
            match self.word() {
                "map" => {
                    self.eat("<");
                    let value = self.shape();
                    self.eat(">");
                    Shape::Map(Box::new(value))
                }
                word if word.len() == 1 => Shape::Hole(word.chars().next().unwrap_or('T')),
                word => Shape::Named(word),
            }
        };
        if self.eat("?") {
            shape = Shape::Nullable(Box::new(shape));
        }
        shape
    }
}
