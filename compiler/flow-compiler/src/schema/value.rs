//! Constants as JSON, as they would come from outside.

use serde_json::{Map, Value as Json, json};

use crate::hir::ConstValue;

/// The JSON of a constant; `None` for an instant, which no constant can be written as.
pub(super) fn json(value: &ConstValue) -> Option<Json> {
    Some(match value {
        ConstValue::Null => Json::Null,
        ConstValue::Bool(value) => json!(value),
        ConstValue::Int(value) => json!(value),
        ConstValue::Float(value) => json!(value),
        ConstValue::Str(text) | ConstValue::Case(text) => json!(text),
        ConstValue::Duration(nanos) => json!(iso_duration(*nanos)),
        ConstValue::Time(_) => return None,
        ConstValue::List(items) => Json::Array(items.iter().map(json).collect::<Option<_>>()?),
        ConstValue::Record(entries) | ConstValue::Map(entries) => Json::Object(object(entries)?),
        ConstValue::Variant(tag, fields) => {
            let mut case = Map::from_iter([("tag".to_owned(), json!(tag))]);
            case.extend(object(fields)?);
            Json::Object(case)
        }
    })
}

fn object(entries: &[(String, ConstValue)]) -> Option<Map<String, Json>> {
    entries
        .iter()
        .map(|(name, value)| Some((name.clone(), json(value)?)))
        .collect()
}

/// A duration in ISO 8601: `PT5M`, `P7D`, `PT0.25S`.
pub(super) fn iso_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let whole = nanos.unsigned_abs();
    let (seconds, below) = (whole / 1_000_000_000, whole % 1_000_000_000);
    let part = |count: u64, unit: &str| {
        if count > 0 {
            format!("{count}{unit}")
        } else {
            String::new()
        }
    };
    let days = part(seconds / 86_400, "D");
    let mut time = part(seconds / 3_600 % 24, "H") + &part(seconds / 60 % 60, "M");
    if below > 0 {
        let digits = format!("{}.{below:09}", seconds % 60);
        time = time + digits.trim_end_matches('0') + "S";
    } else if seconds % 60 > 0 || (days.is_empty() && time.is_empty()) {
        time = time + &(seconds % 60).to_string() + "S";
    }
    let between = if time.is_empty() { "" } else { "T" };
    format!("{sign}P{days}{between}{time}")
}

#[cfg(test)]
mod tests {
    use super::iso_duration;

    #[test]
    fn durations_are_written_in_iso_8601() {
        let second = 1_000_000_000;
        assert_eq!(iso_duration(0), "PT0S");
        assert_eq!(iso_duration(250_000_000), "PT0.25S");
        assert_eq!(iso_duration(90 * second), "PT1M30S");
        assert_eq!(iso_duration(7 * 86_400 * second), "P7D");
        assert_eq!(iso_duration(-5_400 * second), "-PT1H30M");
    }
}
