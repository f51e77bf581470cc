//! F30xx: what is wrong around a program - its store, its image, its configuration. No source is at fault.

codes! {}
