//! Tests of what runs expressions: values, the border to JSON, chunks, methods and reducers. Cases
//! are in `cases`; the images are made by hand, without a compiler.

mod assembler;
mod border;
mod expressions;
mod hostile;
mod reducers;
