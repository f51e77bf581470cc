//! F02xx: names, scopes, imports and modules.

codes! {
    MISSING_FILE = "F0201", Error, "a file that cannot be read";
    IMPORT_CYCLE = "F0202", Error, "files import each other in a circle";
    NOT_IN_MODULE = "F0203", Error, "a file does not have what is imported from it";
    DEFINED_TWICE = "F0204", Error, "two things of one name in one scope";
    UNKNOWN_NAME = "F0205", Error, "an unknown name";
    UNKNOWN_TYPE = "F0206", Error, "an unknown type";
    UNKNOWN_CALLABLE = "F0207", Error, "an unknown worker, function or flow";
    UNKNOWN_NODE = "F0208", Error, "an unknown node";
    UNKNOWN_EVENT = "F0209", Error, "an unknown event";
    RESERVED_NAME = "F0210", Error, "a name that always means something else";
    AMBIGUOUS_VARIANT = "F0211", Error, "a variant that several enums have";
    UNKNOWN_MODULE = "F0212", Error, "an unknown module of the standard library";
    RECURSIVE_FN = "F0213", Error, "a function that calls itself";
    RECURSIVE_TYPE = "F0214", Error, "a type that would never end";
    RECURSIVE_CONST = "F0215", Error, "a constant that needs itself";
    WRONG_KIND = "F0216", Error, "a name of another kind";
    UNKNOWN_LIMIT = "F0217", Error, "a limit that does not exist";
}
