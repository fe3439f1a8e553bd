//! Which Python this node runs its services with, for whoever asks without starting it.

use std::path::PathBuf;

use busker_model::Fault;
use busker_python::PythonConfig;

use crate::config::{NodeConfig, PYTHON_VARIABLE, environment, variable};

/// Path and version of the interpreter: that of the file, `BUSKER_PYTHON`, `/usr/bin/python3`, then of the PATH.
///
/// # Errors
/// `Unavailable`, code `python-missing`, with the remedy.
pub async fn interpreter(config: &NodeConfig) -> Result<(PathBuf, String), Fault> {
    let found = busker_python::find_interpreter(&chosen(config)).await?;
    Ok((found.path, found.version))
}

/// What says which one it is.
pub(crate) fn chosen(config: &NodeConfig) -> PythonConfig {
    let mut python = PythonConfig::new(config.data_path().join("python"), &config.node.name);
    let interpreter = config.python.interpreter.as_ref();
    python.interpreter = interpreter.map(|path| config.path(path));
    python.interpreter_from_env = variable(PYTHON_VARIABLE).map(Into::into);
    python.environment = environment();
    python
}
