//! F26xx: tests that do not pass.

codes! {
    NOT_AS_EXPECTED = "F2601", Error, "an expectation that does not hold";
    OTHER_END = "F2602", Error, "a run that ended otherwise";
    UNMOCKED = "F2603", Error, "a call that the test does not answer";
    AFTER_THE_END = "F2604", Error, "something happens after the run has ended";
    TEST_REFUSED = "F2605", Error, "what a test does is refused";
    NEVER_ENDS = "F2606", Error, "a test that never ends";
    CRASH_DIFFERS = "F2607", Error, "a crash that makes a difference";
}
