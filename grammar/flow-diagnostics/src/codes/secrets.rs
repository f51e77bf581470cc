//! F08xx: secrets that would leak.

codes! {
    SECRET_LEAK = "F0801", Error, "a secret where it could be seen";
    SECRET_STORED = "F0802", Error, "a type with a secret where values are stored";
}
