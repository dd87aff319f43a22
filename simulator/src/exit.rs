//! Exit codes, and the errors that end a command.

use std::fmt;
use std::io;
use std::process::ExitCode;

use pullstop_cluster::input_error::InputError;

/// The exit codes, frozen: scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Success.
    Success,
    /// An expectation or an invariant failed.
    ExpectationFailed,
    /// Invalid input.
    InvalidInput,
    /// An error of the program or its surroundings.
    Internal,
    /// There was nothing to work on.
    NothingMatched,
}

impl Exit {
    /// The code that the process returns.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::ExpectationFailed => 1,
            Self::InvalidInput => 2,
            Self::Internal => 3,
            Self::NothingMatched => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// An error that ends a command.
#[derive(Debug)]
pub enum Failure {
    /// All errors in the input.
    Input(Vec<InputError>),
    /// The output could not be written.
    Output(io::Error),
}

impl Failure {
    /// The exit code that goes with it.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Input(_) => Exit::InvalidInput,
            Self::Output(_) => Exit::Internal,
        }
    }

    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// One line per error.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(errors) => errors
                .iter()
                .try_for_each(|error| writeln!(f, "error: {error}")),
            Self::Output(error) => writeln!(f, "error: cannot write the output: {error}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::Input(vec![error])
    }
}

impl From<Vec<InputError>> for Failure {
    fn from(errors: Vec<InputError>) -> Self {
        Self::Input(errors)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
