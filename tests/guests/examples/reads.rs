//! Reads the body as the query's `plan` says, and shows what each read gave: `rN` is read(N),
//! `l` is readline(), `s` is readlines(), `a` is read(), separated by commas.

use std::io::{BufRead, Read};

use wasgi_guest::{Environ, Error, Input, StartResponse};

fn app(mut environ: Environ, start_response: StartResponse) -> Result<String, Error> {
    let plan = guests::argument(&environ, "plan");
    let mut shown = String::new();
    for step in plan.split(',') {
        for piece in read(environ.input(), step)? {
            shown += &format!("{step} {}\n", piece.escape_ascii());
        }
    }
    guests::ok(&start_response)?;
    Ok(shown)
}

fn read(input: &mut Input, step: &str) -> Result<Vec<Vec<u8>>, Error> {
    let mut piece = Vec::new();
    match step {
        "l" => drop(input.read_until(b'\n', &mut piece)?),
        "a" => drop(input.read_to_end(&mut piece)?),
        "s" => return Ok(input.split(b'\n').collect::<Result<_, _>>()?),
        bytes => drop(input.take(bytes[1..].parse()?).read_to_end(&mut piece)?),
    }
    Ok(vec![piece])
}

wasgi_guest::export!(app);
