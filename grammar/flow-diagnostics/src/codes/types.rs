//! F03xx: types and expressions.

codes! {
    MISMATCH = "F0301", Error, "a value of another type";
    UNKNOWN_FIELD = "F0302", Error, "a record has no such field";
    MISSING_FIELD = "F0303", Error, "a field is missing";
    NEEDS_TYPE = "F0304", Error, "a literal whose type nothing says";
    BAD_OPERANDS = "F0305", Error, "an operator that does not work on these types";
    NOT_CALLABLE = "F0306", Error, "something is called that cannot be";
    UNKNOWN_METHOD = "F0307", Error, "a type has no such method";
    ARGUMENTS = "F0308", Error, "arguments do not fit the parameters";
    NULLABLE = "F0309", Error, "a value that may be null is used as if it were there";
    NOT_INDEXABLE = "F0310", Error, "something is indexed that cannot be";
    LAMBDA = "F0311", Error, "a function value where none can stand";
    REFINEMENT = "F0312", Error, "a constant outside its type";
    NOT_CONSTANT = "F0313", Error, "a value that is not known at compile time";
    CONST_FAULT = "F0314", Error, "a computation that fails at compile time";
    BAD_CAST = "F0315", Error, "an `as` that can never succeed";
    TYPE_ARGUMENTS = "F0316", Error, "type arguments do not fit";
    NO_COMMON_TYPE = "F0317", Error, "branches or elements of different types";
    BAD_PATTERN = "F0318", Error, "a pattern of another type";
    UNKNOWN_VARIANT = "F0319", Error, "an enum has no such variant";
    DUPLICATE_FIELD = "F0320", Error, "a field stands twice";
    UNKNOWN_RUN_FIELD = "F0321", Error, "`run` has no such property";
    JSON_AS_VALUE = "F0322", Error, "`json` is used before it was narrowed";
    NEVER_NULL = "F0323", Warning, "a test for null of a value that is never null";
    RUN_FIELD_PLACE = "F0324", Error, "a property of `run` where it says nothing";
}
