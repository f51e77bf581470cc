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
}
