//! The commands of the program, one in each module.

pub mod args;
pub mod classify;
pub mod compare;
pub mod fuzz;
pub mod import;
pub mod lint;
pub mod new;
pub mod replay;
pub mod run;
pub mod serve;
pub mod timeline;
