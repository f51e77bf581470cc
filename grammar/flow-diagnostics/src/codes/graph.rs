//! F05xx: what a drawing proves about arrows, joins, cycles and waits.

codes! {}
