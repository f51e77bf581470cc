//! F02xx: names, scopes, imports and modules.

codes! {}
