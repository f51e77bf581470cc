//! Records and cases of tagged unions: values beside names that many of them share.

use std::sync::Arc;

use super::Value;

/// The names of a record, in order of declaration.
pub type Shape = Arc<[Arc<str>]>;

/// A record.
#[derive(Clone, Debug)]
pub struct Record {
    shape: Shape,
    values: Box<[Value]>,
    depth: u32,
    weight: u64,
}

/// A case of a tagged union with its fields.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The name of the case.
    pub tag: Arc<str>,
    /// Its fields.
    pub fields: Record,
}

impl Record {
    /// The record with these names and values.
    ///
    /// # Panics
    ///
    /// If there are not as many values as names.
    pub fn new(shape: Shape, values: Box<[Value]>) -> Record {
        assert_eq!(shape.len(), values.len(), "a record has one value for each name");
        let depth = 1 + values.iter().map(Value::depth).max().unwrap_or(0);
        let names: u64 = shape.iter().map(|name| name.len() as u64 + 4).sum();
        let weight = values
            .iter()
            .map(Value::weight)
            .fold(2 + names, u64::saturating_add);
        Record {
            shape,
            values,
            depth,
            weight,
        }
    }

    /// The record with these fields; the names are distinct.
    pub fn from_fields(fields: impl IntoIterator<Item = (Arc<str>, Value)>) -> Record {
        let (shape, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
        Record::new(shape.into(), values.into())
    }

    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The names, in order.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The values, in the order of the names.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> + '_ {
        self.shape.iter().zip(&self.values)
    }

    /// The field with a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.shape
            .iter()
            .position(|n| &**n == name)
            .map(|at| &self.values[at])
    }

    /// The field with a name, looked for at a position first.
    pub fn get_at(&self, name: &Arc<str>, hint: usize) -> Option<&Value> {
        match self.shape.get(hint) {
            Some(found) if Arc::ptr_eq(found, name) || found == name => self.values.get(hint),
            _ => self.get(name),
        }
    }

    /// This record with a field replaced, or added at the end.
    #[must_use]
    pub fn with(&self, name: &Arc<str>, value: Value) -> Record {
        let mut values = self.values.to_vec();
        if let Some(at) = self.shape.iter().position(|n| n == name) {
            values[at] = value;
            return Record::new(self.shape.clone(), values.into());
        }
        values.push(value);
        let shape = self.shape.iter().chain([name]).cloned().collect();
        Record::new(shape, values.into())
    }

    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    pub(crate) fn weight(&self) -> u64 {
        self.weight
    }
}
