//! Why a command failed, with its exit code.

use std::process::ExitCode;

use http::StatusCode;

use crate::admin::ClientError;
use crate::config::ConfigError;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The command line or the configuration: exit code 2.
    Usage(miette::Report),
    /// Refused, or found something: exit code 1.
    Refused(miette::Report),
    /// Something that is needed failed: exit code 3.
    Dependency(miette::Report),
}

impl Failure {
    /// A wrong command line or configuration.
    pub fn usage(text: impl std::fmt::Display) -> Failure {
        Failure::Usage(miette::miette!("{text}"))
    }

    /// A refusal.
    pub fn refused(text: impl std::fmt::Display) -> Failure {
        Failure::Refused(miette::miette!("{text}"))
    }

    /// Something that is needed failed.
    pub fn dependency(text: impl std::fmt::Display) -> Failure {
        Failure::Dependency(miette::miette!("{text}"))
    }

    /// The exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Refused(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Dependency(_) => 3,
        })
    }

    /// Prints it to stderr.
    pub fn report(&self) {
        let (Failure::Usage(report) | Failure::Refused(report) | Failure::Dependency(report)) = self;
        super::output::error(report);
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::Usage(miette::Report::new(error))
    }
}

impl From<crate::data::DataError> for Failure {
    fn from(error: crate::data::DataError) -> Failure {
        Failure::dependency(error)
    }
}

impl From<crate::node::StartError> for Failure {
    fn from(error: crate::node::StartError) -> Failure {
        match error {
            crate::node::StartError::Usage(report) => Failure::Usage(report),
            error => Failure::dependency(error),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        match &error {
            ClientError::Refused { status, .. } if *status == StatusCode::SERVICE_UNAVAILABLE => {
                Failure::dependency(error)
            }
            ClientError::Refused { .. } => Failure::refused(error),
            _ => Failure::dependency(error),
        }
    }
}
