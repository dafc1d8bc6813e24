//! Speaks by every way there is into the log, with all that a log should not repeat as it is.

use wasgi_guest::{Environ, Error, StartResponse};

fn app(environ: Environ, start_response: StartResponse) -> Result<&'static str, Error> {
    let tag = guests::argument(&environ, "tag");
    let errors = environ.errors();
    writeln!(errors, "{tag} errors grüße 東京 \u{1f980}");
    writeln!(errors, "{tag} escape \x1b[31mred\x07 bell \u{202e}reordered");
    errors.log(&format!("{tag} two\n{tag} lines"));
    println!("{tag} stdout grüße");
    eprintln!("{tag} stderr grüße");
    eprint!("{tag} without an end");
    guests::ok(&start_response)?;
    Ok("logged")
}

wasgi_guest::export!(app);
