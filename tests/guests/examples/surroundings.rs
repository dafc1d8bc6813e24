//! What the process finds around it: environment variables and arguments.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(_: Environ, start_response: StartResponse) -> Result<String, Error> {
    guests::ok(&start_response)?;
    let variables = std::env::vars().map(|(name, value)| format!("{name}={value}\n"));
    let arguments = std::env::args().map(|argument| format!("argument {argument}\n"));
    Ok(variables.chain(arguments).collect())
}

wasgi_guest::export!(app);
