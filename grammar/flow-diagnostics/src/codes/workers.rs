//! F07xx: workers, their protocols, options and arguments.

codes! {}
