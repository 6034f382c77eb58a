//! Reading the command line without repeating what may be secret.

use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ContextValue};

/// Settings whose values may hold a password or a key: an address, a key.
const MAY_BE_SECRET: [&str; 3] = ["--store", "--archive", "--clerk-jwt-key"];

/// Reads a program's settings from its arguments and its environment.
///
/// # Errors
/// After a mistake was said on standard error (or help was shown): the exit code to end with, 2 for a mistake. A value
/// that may be secret is not repeated, as clap would.
pub fn read<Args: Parser>() -> Result<Args, ExitCode> {
    Args::try_parse().map_err(|error| {
        let error = hushed(error);
        // Nobody is left to be told when standard error is gone.
        let _ = error.print();
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

fn hushed(mut error: clap::Error) -> clap::Error {
    let of_a_secret = matches!(
        error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(name)) if name.split(' ').next().is_some_and(|name| MAY_BE_SECRET.contains(&name))
    );
    if of_a_secret && error.get(ContextKind::InvalidValue).is_some() {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreArgs;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        store: StoreArgs,
    }

    #[test]
    fn a_mistaken_address_is_named_and_its_password_is_not_repeated() {
        let password = ["hunter", "2", "hunter2"].concat();
        let mistaken = format!("nonsense://user:{password}@host");
        let error = Program::try_parse_from(["program", "--store", &mistaken]).expect_err("there is no such store");
        let said = hushed(error).to_string();
        assert!(said.contains("--store") && !said.contains(&password), "{said}");
    }
}
