//! What recordings hold besides what verdicts need, for the commands that learn from them.

pub(crate) mod objects;
pub(crate) mod words;
