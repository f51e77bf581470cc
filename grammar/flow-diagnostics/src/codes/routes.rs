//! F06xx: routes, patterns and whether they cover everything.

codes! {
    NOT_EXHAUSTIVE = "F0601", Error, "not every case is handled";
    ARM_NEVER_TAKEN = "F0602", Warning, "an arm that is never taken";
    ARMS_OVERLAP = "F0603", Warning, "arms that overlap";
}
