//! F05xx: what a drawing proves about arrows, joins, cycles and waits.

codes! {
    UNREACHABLE = "F0501", Error, "a node that nothing leads to";
    NO_WAY_OUT = "F0502", Error, "a node that nothing follows";
    CYCLE_WITHOUT_EXIT = "F0503", Error, "a cycle that nothing leaves";
    CYCLE_OF_ROUTES = "F0504", Error, "routes that lead only to each other";
    STUCK_CYCLE = "F0505", Warning, "a cycle whose exits cannot change their mind";
    JOIN_NEVER_PASSES = "F0506", Error, "a join that asks for more than can come";
    ARROW_FROM_ROUTE = "F0507", Error, "an arrow out of a route or a send";
    ARROW_AT_FINALLY = "F0508", Error, "an arrow at a `finally` node";
    PARAMETERS_MISSING = "F0509", Error, "an arrow to a node with parameters";
    DUPLICATE_EDGE = "F0510", Warning, "the same edge twice";
    ARROWS_OF_GOTO = "F0511", Warning, "arrows of a node that leaves by `goto`";
    SOURCE_PAST_TARGET = "F0512", Warning, "a source of a join that comes round without the others";
    STARTED_TWICE = "F0513", Warning, "a node that two arrows start at the same time";
    WAITS_FOR_EVER = "F0514", Warning, "a wait that nothing ends if its event never comes";
    EVENT_UNHEARD = "F0515", Warning, "an event that no wait names";
    RACE_OF_WAITS = "F0516", Warning, "a race whose branches begin with a wait";
    LOCKS_IN_BOTH_ORDERS = "F0517", Warning, "locks taken inside one another in both orders";
    CANNOT_TELL = "F0518", Warning, "an order that cannot be told";
}
