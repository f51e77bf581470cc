//! F09xx: style and likely slips; all of them can be allowed.

codes! {
    UNUSED = "F0901", Warning, "something is never used";
    SHADOWING = "F0902", Warning, "a name hides another one";
    NAMING = "F0903", Warning, "a name in another style than usual";
    VARIANT_OR_VALUE = "F0904", Warning, "a bare name that is a variant here and a value elsewhere";
    DEFAULT_LIMIT = "F0920", Warning, "a cycle that only the default limit bounds";
    NO_TIMEOUT = "F0921", Warning, "attempts without a timeout";
    UNDO_MISSING = "F0922", Warning, "a task without undo beside one that has it";
}
