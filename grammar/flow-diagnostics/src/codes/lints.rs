//! F09xx: style and likely slips; all of them can be allowed.

codes! {
    DEFAULT_LIMIT = "F0920", Warning, "a cycle that only the default limit bounds";
    NO_TIMEOUT = "F0921", Warning, "attempts without a timeout";
    UNDO_MISSING = "F0922", Warning, "a task without undo beside one that has it";
}
