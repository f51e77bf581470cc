//! Text that contains secrets. Only names are here; the host puts the values in when it sends.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Text with secrets in it, as parts in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// The parts.
    pub parts: Vec<SecretPart>,
}

/// A part of a secret text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretPart {
    /// Text that stands as it is.
    Text(Arc<str>),
    /// The value of the secret with this name.
    Name(Arc<str>),
}

impl Secret {
    /// The secret with this name, alone.
    pub fn named(name: Arc<str>) -> Secret {
        Secret {
            parts: vec![SecretPart::Name(name)],
        }
    }

    /// The names of the secrets in it.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> + '_ {
        self.parts.iter().filter_map(|part| match part {
            SecretPart::Name(name) => Some(name),
            SecretPart::Text(_) => None,
        })
    }

    /// The text with every secret replaced by what `lookup` says.
    pub fn reveal(&self, mut lookup: impl FnMut(&str) -> Option<String>) -> Option<String> {
        self.parts
            .iter()
            .try_fold(String::new(), |text, part| match part {
                SecretPart::Text(plain) => Some(text + plain),
                SecretPart::Name(name) => Some(text + &lookup(name)?),
            })
    }

    pub(super) fn weight(&self) -> u64 {
        let parts = self.parts.iter().map(|part| match part {
            SecretPart::Text(text) | SecretPart::Name(text) => text.len() as u64 + 12,
        });
        parts.sum()
    }
}

/// The text with `${secret.NAME}` where secrets stand.
impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            SecretPart::Text(text) => write!(f, "{text}"),
            SecretPart::Name(name) => write!(f, "${{secret.{name}}}"),
        })
    }
}

/// A name alone as text, else a list of parts.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.parts.as_slice() {
            [SecretPart::Name(name)] => name.serialize(to),
            parts => parts.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Name(Arc<str>),
            Parts(Vec<SecretPart>),
        }
        Ok(match Written::deserialize(from)? {
            Written::Name(name) => Secret::named(name),
            Written::Parts(parts) => Secret { parts },
        })
    }
}
