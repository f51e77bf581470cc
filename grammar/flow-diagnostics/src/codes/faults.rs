//! F20xx: faults of a run - limits that were met, checked failures, replies that do not fit.

codes! {}
