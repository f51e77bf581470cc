//! Laws of the reducers, as properties.
