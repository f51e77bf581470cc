//! F06xx: routes, patterns and whether they cover everything.

codes! {}
