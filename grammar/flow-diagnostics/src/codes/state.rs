//! F04xx: fields, reducers, and who reads and writes what.

codes! {
    READ_BEFORE_WRITTEN = "F0420", Error, "a field that may be read before it is written";
    TWO_WRITERS = "F0421", Error, "two nodes that write one value at the same time";
    TWO_OVERWRITES = "F0422", Error, "two nodes that overwrite one field at the same time";
    NEVER_WRITTEN = "F0423", Warning, "a field that nothing writes";
    NEVER_READ = "F0424", Warning, "a field that nothing reads";
    EPHEMERAL_MISREAD = "F0425", Warning, "an ephemeral field that is gone when it is read";
}
