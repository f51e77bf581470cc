//! `store`: the built-in worker. Values of a namespace that outlive the run that put them.

use serde_json::{Map, Value as Json, json};

use flow_bytecode::ErrorClass;

use super::{Failure, Reply};
use crate::clock::now;
use crate::error::Result;
use crate::store::Store;

/// Where such values are kept.
pub(crate) trait Memory {
    /// A value, if there is one.
    fn get(&self, namespace: &str, key: &str) -> Result<Option<Json>>;
    /// Puts a value; whether there was one before.
    fn put(&mut self, namespace: &str, key: &str, value: &Json) -> Result<bool>;
    /// Takes a value away; whether there was one.
    fn delete(&mut self, namespace: &str, key: &str) -> Result<bool>;
    /// The keys, sorted.
    fn list(&self, namespace: &str) -> Result<Vec<String>>;
}

impl<S: Store> Memory for S {
    fn get(&self, namespace: &str, key: &str) -> Result<Option<Json>> {
        self.memory_get(namespace, key)
    }

    fn put(&mut self, namespace: &str, key: &str, value: &Json) -> Result<bool> {
        self.memory_put(namespace, key, value, now())
    }

    fn delete(&mut self, namespace: &str, key: &str) -> Result<bool> {
        self.memory_delete(namespace, key)
    }

    fn list(&self, namespace: &str) -> Result<Vec<String>> {
        self.memory_list(namespace)
    }
}

/// Does what the worker's body says: `get`, `put`, `list` or `delete` in `namespace`, under `key`. What `put`
/// stores is the argument `value`.
pub(crate) fn call(store: &mut impl Memory, options: &Json, args: &Map<String, Json>) -> Reply {
    let text = |name: &str| options.get(name).and_then(Json::as_str);
    let verbs = ["get", "put", "list", "delete"];
    let verb = ["op", "method", "verb"].iter().find_map(|name| text(name));
    let verb = verb.or_else(|| verbs.into_iter().find(|verb| options.get(*verb).is_some()));
    let namespace = text("namespace").unwrap_or("default");
    let key = options.get("key").or_else(|| args.get("key"));
    let key = key.map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_owned));
    let key = || {
        key.clone()
            .ok_or_else(|| Failure::new(ErrorClass::Protocol, "the store needs a `key`"))
    };
    let done = match verb {
        Some("get") => store
            .get(namespace, &key()?)
            .map(|value| value.unwrap_or(Json::Null)),
        Some("put") => {
            let value = options
                .get("value")
                .or_else(|| args.get("value"))
                .unwrap_or(&Json::Null);
            store.put(namespace, &key()?, value).map(|_| json!(true))
        }
        Some("delete") => store.delete(namespace, &key()?).map(|was| json!(was)),
        Some("list") => store.list(namespace).map(|keys| json!(keys)),
        _ => {
            return Err(Failure::new(
                ErrorClass::Protocol,
                "the store does get, put, list or delete",
            ));
        }
    };
    done.map_err(|error| Failure::new(ErrorClass::Protocol, error.to_string()))
}
