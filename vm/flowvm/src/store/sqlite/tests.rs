//! Behaviour of the store under damage, newer schemas, competing writers and attempts to rewrite history.
