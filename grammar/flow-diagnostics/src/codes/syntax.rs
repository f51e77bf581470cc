//! F01xx: syntax - what the text alone shows.

codes! {
    EXPECTED = "F0101", Error, "something else was expected here";
    UNCLOSED = "F0102", Error, "a bracket is not closed";
    STRAY_CLOSER = "F0103", Error, "a closing bracket closes nothing";
    TOO_DEEP = "F0104", Error, "nested too deeply";
    FORGOTTEN_COMMA = "F0105", Error, "a comma is missing";
    UNTERMINATED = "F0106", Error, "a string is not closed";
    BAD_ESCAPE = "F0107", Error, "an escape that strings do not know";
    BAD_NUMBER = "F0108", Error, "a number with something behind it that is no unit";
    NUMBER_TOO_LARGE = "F0109", Error, "a number that does not fit";
    RESERVED_WORD = "F0110", Error, "a reserved word where a name belongs";
    FOREIGN_OPERATOR = "F0111", Error, "an operator of another language";
    SINGLE_QUOTES = "F0112", Error, "a string in single quotes";
    SEMICOLON = "F0113", Error, "a semicolon";
    FOREIGN_COMMENT = "F0114", Error, "a comment of another language";
    EQUALS_FOR_COLON = "F0115", Error, "`=` where `:` belongs";
    CHAINED_COMPARISON = "F0116", Error, "comparisons do not chain";
    RANGE_IN_EXPRESSION = "F0117", Error, "a range where a value belongs";
    MISPLACED_CLAUSE = "F0118", Error, "a clause where it has no meaning";
    REPEATED_CLAUSE = "F0119", Error, "a clause stands twice";
    BAD_CHARACTER = "F0120", Error, "a character that means nothing here";
    INVALID_UTF8 = "F0121", Error, "the file is not UTF-8 text";
    ARROW_MISUSE = "F0122", Error, "something that an arrow cannot carry";
    MISSING_SEPARATOR = "F0123", Error, "two entries on one line";
    LOST_DOC_COMMENT = "F0124", Warning, "a doc comment that belongs to nothing";
    FILE_TOO_LARGE = "F0125", Error, "a file larger than spans can tell";
    MISSING_VALUE = "F0126", Error, "nothing stands where a value belongs";
    NEWLINE_IN_STRING = "F0127", Error, "a line break inside a string";
}
