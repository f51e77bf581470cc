//! F2xxx: faults of a run - limits that were met, checked failures, replies that do not fit.

codes! {
    BAD_INPUT = "F2001", Error, "input that does not fit";
    UNKNOWN_BREAKPOINT = "F2002", Error, "a breakpoint at no node";
    UNKNOWN_FLOW = "F2003", Error, "a program has no such flow";
    NOT_RUNNABLE = "F2004", Error, "a part of the language that the machine does not run yet";
    OUT_OF_RANGE = "F2101", Error, "a position that the list does not have";
    DIVISION_BY_ZERO = "F2102", Error, "a division by zero";
    OVERFLOW = "F2103", Error, "a number beyond 64 bits";
    NOT_FINITE = "F2104", Error, "a float that is no number";
    MISFIT = "F2105", Error, "a value that does not have the type";
    REFINEMENT = "F2106", Error, "a value outside its type";
    ENSURE = "F2107", Error, "a reply that the node refuses";
    FAIL = "F2108", Error, "the flow failed on purpose";
    EMPTY = "F2109", Error, "a value of nothing";
    BAD_TEXT = "F2110", Error, "a text that is not well-formed";
    OUT_OF_FUEL = "F2111", Error, "an expression that takes too long";
    TOO_LARGE = "F2112", Error, "a value that is too large";
    REDUCER = "F2113", Error, "an update that cannot be merged";
    BAD_CODE = "F2114", Error, "bytecode that no compiler wrote";
    CALL_FAILED = "F2201", Error, "a call that failed";
    TIMED_OUT = "F2202", Error, "a call that took too long";
    INVALID_REPLY = "F2203", Error, "a reply that does not fit";
    CALL_CANCELLED = "F2204", Error, "a call that was withdrawn";
    CALL_LOST = "F2205", Error, "a call whose outcome nobody knows";
    CHILD_LIMIT = "F2206", Error, "a limit inside a subgraph";
    CHILD_FAILED = "F2207", Error, "a subgraph that failed";
    REPORTED = "F2208", Error, "a failure that the worker reported";
    JOIN_FAILED = "F2301", Error, "a join that can pass no more";
    NOT_OPEN = "F2401", Error, "a question that is not open";
    BAD_ANSWER = "F2402", Error, "an answer of another type";
    ANSWER_REFUSED = "F2403", Error, "an answer that the flow refuses";
    NO_EVENT = "F2404", Error, "an event that the flow does not know";
    BAD_EVENT = "F2405", Error, "an event that does not fit";
    NO_ATTEMPT = "F2406", Error, "an outcome of a call that was never made";
    RUN_ENDED = "F2407", Error, "the run has ended";
    BAD_INJECTION = "F2408", Error, "an update from outside that does not fit";
    NOT_FAILED = "F2409", Error, "nothing to retry";
    NOT_PAUSED = "F2410", Error, "nothing to resume";
    BEGUN_AHEAD = "F2411", Error, "a checkpoint behind which something had begun";
    NO_CHECKPOINT = "F2412", Error, "a checkpoint that a run does not have";
    NOT_ITS_LOG = "F2413", Error, "a log that the program does not give";
    LIMIT_MET = "F2501", Error, "a limit was met";
    CANCELLED = "F2502", Error, "the run was cancelled";
    FAILED_ON_PURPOSE = "F2503", Error, "the flow ended as failed";
}
