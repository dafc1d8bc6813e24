//! Shows the environ: every variable of the request, as an HTML page.

use wasgi_guest::{Environ, Error, StartResponse, native};

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>environ</title>
<style>
  :root { color-scheme: light dark; --line: #8884; --faint: #8881 }
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1rem }
  h1 { font-weight: 600; margin: 0 }
  p { margin: 0 0 2rem; opacity: .7 }
  table { border-collapse: collapse; width: 100%; font: .875rem/1.6 ui-monospace, monospace }
  th, td { text-align: left; vertical-align: top; padding: .3rem .8rem; border-top: 1px solid var(--line) }
  th { font-weight: 600; white-space: nowrap }
  td { overflow-wrap: anywhere }
  tr:nth-child(even) { background: var(--faint) }
</style>
"#;

fn app(environ: Environ, start_response: StartResponse) -> Result<[String; 2], Error> {
    start_response.call("200 OK", &[("Content-Type", "text/html; charset=utf-8")])?;
    Ok([HEAD.to_owned(), page(&environ)])
}

fn page(environ: &Environ) -> String {
    let mut entries = environ.entries();
    entries.sort();
    let mut page = format!(
        "<h1>{} {}</h1>\n<p>{} variables</p>\n<table>\n",
        escape(&environ.method()),
        escape(&environ.path()),
        entries.len()
    );
    for (name, value) in entries {
        page.extend(["<tr><th>", &escape(&name), "<td>", &escape(&native::to_text(value)), "\n"]);
    }
    page + "</table>\n"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

wasgi_guest::export!(app);
