//! Secrets: values for names, looked up once and put into a call when it is sent. Whatever comes back is
//! searched for them, so that none reaches a message, a log or the store.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use flow_bytecode::Image;

use crate::config::{Config, SecretSource};
use crate::error::{Error, Result, code};
use crate::limits::MASKED_BYTES;

const MASK: &str = "***";

/// The secrets of a program.
#[derive(Default)]
pub struct Secrets {
    values: BTreeMap<String, String>,
}

/// Never shows a value.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Secrets {
    /// Looks up all that the program mentions, and all that bindings of its workers name; what is missing is named
    /// at once.
    pub fn load(image: &Image, config: &Config) -> Result<Self> {
        let mentioned = image.secrets.iter().map(|name| image.str(*name));
        let workers = image.workers.iter().flat_map(|worker| {
            config.candidates(
                image.str(worker.name),
                worker.protocol,
                &super::texts(image, &worker.tags),
            )
        });
        let bound: Vec<String> = workers
            .flat_map(|binding| {
                let named = [binding.token.clone(), binding.signing_key.clone()];
                let env: Vec<String> = binding.env.values().cloned().collect();
                named.into_iter().flatten().chain(env)
            })
            .collect();
        let callback = config
            .callback
            .as_ref()
            .and_then(|callback| callback.key.as_deref());
        let names = mentioned.chain(bound.iter().map(String::as_str)).chain(callback);
        let (mut values, mut missing) = (BTreeMap::new(), Vec::new());
        for name in names.collect::<BTreeSet<_>>() {
            match look_up(name, config) {
                Ok(value) => drop(values.insert(name.to_owned(), value)),
                Err(error) => missing.push(error),
            }
        }
        Error::all(missing)?;
        Ok(Self { values })
    }

    /// These, for tests.
    #[cfg(test)]
    pub(crate) fn of<const N: usize>(values: [(&str, &str); N]) -> Self {
        Self {
            values: values
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        }
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The same JSON with every `{"$secret": …}` replaced by its text.
    pub fn reveal(&self, json: Json) -> Json {
        match json {
            Json::Object(entries) => match entries.get("$secret").filter(|_| entries.len() == 1) {
                Some(parts) => self.text(parts).map_or(Json::Null, Json::String),
                None => Json::Object(self.reveal_all(entries)),
            },
            Json::Array(items) => items.into_iter().map(|item| self.reveal(item)).collect(),
            plain => plain,
        }
    }

    /// The same entries, revealed.
    pub fn reveal_all(&self, entries: Map<String, Json>) -> Map<String, Json> {
        entries
            .into_iter()
            .map(|(key, value)| (key, self.reveal(value)))
            .collect()
    }

    /// The same text without them.
    pub fn mask(&self, text: &str) -> String {
        self.hidden().fold(text.to_owned(), |text, secret| {
            if text.contains(secret) {
                text.replace(secret, MASK)
            } else {
                text
            }
        })
    }

    /// The same JSON without them.
    pub fn mask_json(&self, json: Json) -> Json {
        if self.hidden().next().is_none() {
            return json;
        }
        match json {
            Json::String(text) => Json::String(self.mask(&text)),
            Json::Array(items) => items.into_iter().map(|item| self.mask_json(item)).collect(),
            Json::Object(entries) => {
                let masked = entries
                    .into_iter()
                    .map(|(key, value)| (self.mask(&key), self.mask_json(value)));
                Json::Object(masked.collect())
            }
            plain => plain,
        }
    }

    fn hidden(&self) -> impl Iterator<Item = &str> {
        self.values
            .values()
            .map(String::as_str)
            .filter(|value| value.len() >= MASKED_BYTES)
    }

    /// `"NAME"`, or a list of `{"text": …}` and `{"name": …}`.
    fn text(&self, parts: &Json) -> Option<String> {
        match parts {
            Json::String(name) => self.get(name).map(str::to_owned),
            Json::Array(parts) => parts.iter().try_fold(String::new(), |text, part| {
                let plain = part.get("text").and_then(Json::as_str);
                let named = part
                    .get("name")
                    .and_then(Json::as_str)
                    .and_then(|name| self.get(name));
                Some(text + plain.or(named)?)
            }),
            _ => None,
        }
    }
}

fn look_up(name: &str, config: &Config) -> Result<String> {
    let missing = |what: String| {
        Error::new(code::SECRET, format!("secret `{name}` {what}")).help(format!(
            "in flow.toml, under [secrets]:  {name} = {{ env = \"{name}\" }}"
        ))
    };
    match config.secrets.get(name) {
        None => Err(missing("is not in flow.toml".to_owned())),
        Some(SecretSource::Env(variable)) => std::env::var(variable).map_err(|_| {
            missing(format!(
                "is to come from the variable `{variable}`, which is not set"
            ))
        }),
        Some(SecretSource::File(path)) => std::fs::read_to_string(config.root.join(path))
            .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
            .map_err(|error| missing(format!("is to come from the file `{}`: {error}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secrets() -> Secrets {
        Secrets {
            values: BTreeMap::from([("KEY".to_owned(), "s3cr3t-value".to_owned())]),
        }
    }

    #[test]
    fn are_put_in_by_name_and_by_parts() {
        let call =
            json!({"a": {"$secret": "KEY"}, "b": [{"$secret": [{"text": "Bearer "}, {"name": "KEY"}]}]});
        assert_eq!(
            secrets().reveal(call),
            json!({"a": "s3cr3t-value", "b": ["Bearer s3cr3t-value"]})
        );
    }

    #[test]
    fn are_masked_wherever_they_come_back() {
        assert_eq!(secrets().mask("got s3cr3t-value!"), "got ***!");
        assert_eq!(
            secrets().mask_json(json!({"echo": ["x s3cr3t-value"]})),
            json!({"echo": ["x ***"]})
        );
    }

    #[test]
    fn are_not_shown_by_debug() {
        assert_eq!(format!("{:?}", secrets()), r#"{"KEY"}"#);
    }
}
