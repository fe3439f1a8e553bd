//! `busker encrypt` and `busker decrypt`: secrets in files that busker.toml names, sealed with the key of the environment.
//!
//! What is sealed opens in this environment only, and only as the content of such a file: a sealed text from the database is
//! not opened here, nor the other way round.

use std::io::IsTerminal;
use std::path::Path;

use busker_node::{NodeConfig, SEALED_FILE_PLACE};
use busker_odb::Vault;

use crate::args::{DecryptArgs, EncryptArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::{output, prompt};

/// Seals a secret and prints the sealed text alone.
pub(crate) fn encrypt(args: &EncryptArgs) -> Result<(), Failure> {
    let environment = Environment::open(&args.dir)?;
    let vault = Vault::open(&first(&environment)?.key_path())?;
    let newest = vault.key_ids().pop().unwrap_or_default();
    let secret = prompt::secret("Secret", args.secret_file.as_deref())?;
    let sealed = vault.led_by(&newest)?.seal(SEALED_FILE_PLACE, &secret)?;
    output::say(&sealed)
}

/// Opens what was sealed and prints it alone.
pub(crate) fn decrypt(args: &DecryptArgs) -> Result<(), Failure> {
    if !args.yes && !std::io::stdout().is_terminal() {
        return Err(Failure::usage(
            "standard output is no terminal, and a secret would be kept wherever it leads: add --yes if that is meant",
        ));
    }
    let environment = Environment::open(&args.dir)?;
    let vault = Vault::open(&first(&environment)?.key_path())?;
    let from = args.secret_file.as_deref();
    let sealed = prompt::password_file(from.unwrap_or_else(|| Path::new("/dev/stdin")))?;
    let secret = vault.open_sealed(SEALED_FILE_PLACE, sealed.expose().trim())?;
    output::say(secret.expose())
}

fn first(environment: &Environment) -> Result<&NodeConfig, Failure> {
    let first = environment.nodes.first();
    first.ok_or_else(|| Failure::new(Exit::NotFound, "the environment has no node"))
}
