//! F3xxx: what is wrong around a program - its store, its image, its configuration. No source is at fault.

codes! {
    STORE_UNUSABLE = "F3001", Error, "the store cannot be opened or written";
    STORE_DAMAGED = "F3002", Error, "the store is damaged";
    STORE_NEWER = "F3003", Error, "the store was written by a newer flowvm";
    NO_RUN = "F3004", Error, "there is no such run";
    RUN_EXISTS = "F3005", Error, "there is a run of this id already";
    RUN_BUSY = "F3006", Error, "another process drives the run";
    RUN_LOST = "F3007", Error, "the run was taken over by another process";
    RUN_REFUSES = "F3008", Error, "the run cannot do that now";
    FILE_UNREADABLE = "F3010", Error, "a file cannot be read";
    IMAGE_DAMAGED = "F3011", Error, "a bytecode file is damaged";
    NOT_OFFERED = "F3012", Error, "the program offers no such thing";
    CONFIG_UNREADABLE = "F3020", Error, "flow.toml cannot be read";
    CONFIG_KEY = "F3021", Error, "an unknown key in flow.toml";
    CONFIG_VALUE = "F3022", Error, "a value in flow.toml that does not fit";
    INPUT = "F3030", Error, "input that is no JSON object";
    MOCKS = "F3031", Error, "a mock file that cannot be used";
    IMPORT_JSON = "F3032", Error, "a workflow to import that is no JSON";
    IMPORT_KEY = "F3033", Error, "an unknown key in a workflow to import";
    IMPORT_SHAPE = "F3034", Error, "a value of another form in a workflow to import";
    WORKER_UNBOUND = "F3040", Error, "a worker without an address";
    WORKER_NAME = "F3041", Error, "a worker's name that is taken, or that nobody has";
    SECRET = "F3042", Error, "a secret that is not there";
    SYSTEM = "F3050", Error, "the system refused something";
    USAGE = "F3060", Error, "wrong usage of the command line";
}
