//! F06xx: routes, patterns and whether they cover everything.

codes! {
    ARM_NEVER_TAKEN = "F0620", Warning, "an arm that can never be taken";
    ARMS_OVERLAP = "F0621", Warning, "patterns that overlap";
}
