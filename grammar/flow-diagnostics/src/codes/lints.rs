//! F09xx: style and likely slips; all of them can be allowed.

codes! {}
