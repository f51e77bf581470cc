//! F04xx: fields, reducers, and who reads and writes what.

codes! {}
