//! F04xx: fields, reducers, and who reads and writes what.

codes! {
    UNKNOWN_STATE_FIELD = "F0401", Error, "the state has no such field";
    UPDATE_TYPE = "F0402", Error, "an update that its reducer cannot take";
    PARAMETER_WRITTEN = "F0403", Error, "a parameter is written";
    REDUCER_TYPE = "F0404", Error, "a reducer that does not fit its field";
    UNKNOWN_REDUCER = "F0405", Error, "an unknown reducer";
    UPDATED_TWICE = "F0406", Error, "one node updates a `last_value` field twice";
    EPHEMERAL_START = "F0407", Error, "an ephemeral field without a start value";
    READ_BEFORE_WRITTEN = "F0420", Error, "a field that may be read before it is written";
    TWO_WRITERS = "F0421", Error, "two nodes that write one value at the same time";
    TWO_OVERWRITES = "F0422", Error, "two nodes that overwrite one field at the same time";
    NEVER_WRITTEN = "F0423", Warning, "a field that nothing writes";
    NEVER_READ = "F0424", Warning, "a field that nothing reads";
    EPHEMERAL_MISREAD = "F0425", Warning, "an ephemeral field that is gone when it is read";
}
