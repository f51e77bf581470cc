//! F07xx: workers, their protocols, options and arguments.

codes! {
    UNKNOWN_PROTOCOL = "F0701", Error, "an unknown protocol";
    UNKNOWN_OPTION = "F0702", Error, "a protocol has no such option";
    MISSING_OPTION = "F0703", Error, "an option that the protocol needs is missing";
    OPTION_VALUE = "F0704", Error, "a value that an option cannot have";
    UNDELIVERABLE = "F0705", Error, "a reply type that the protocol cannot deliver";
    MISSING_CALL = "F0706", Error, "a node that calls nothing";
    UNFIXED_TYPE = "F0708", Error, "a type argument that nothing fixes";
}
