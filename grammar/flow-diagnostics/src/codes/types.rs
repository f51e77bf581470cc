//! F03xx: types and expressions.

codes! {}
