//! Every variable as a line of bytes: `NAME=VALUE`.

use wasgi_guest::{Environ, Error, StartResponse, native};

fn app(environ: Environ, start_response: StartResponse) -> Result<Vec<u8>, Error> {
    guests::ok(&start_response)?;
    let mut entries = environ.entries();
    entries.sort();
    let lines = entries.iter().map(|(name, value)| {
        assert_eq!(environ.get(name).as_ref(), Some(value), "get and entries agree");
        format!("{name}={value}\n")
    });
    // A value that is no native string shows as an empty page.
    Ok(native::to_bytes(&lines.collect::<String>()).unwrap_or_default())
}

wasgi_guest::export!(app);
