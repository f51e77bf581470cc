//! F08xx: secrets that would leak.

codes! {}
