//! Nothing: what there is stands in `benches/`.
