//! What the workloads compute: no more than bytes in and bytes out, so that the bare server runs the very same.

use serde::{Deserialize, Serialize};

/// The variables that `/environ` looks up, twenty as PEP 3333 names them; what follows `HTTP_` is a header.
pub const VARIABLES: [&str; 20] = [
    "REQUEST_METHOD",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "SERVER_PROTOCOL",
    "REMOTE_ADDR",
    "HTTP_HOST",
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_AUTHORIZATION",
    "HTTP_CACHE_CONTROL",
    "HTTP_COOKIE",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH",
    "HTTP_ORIGIN",
    "HTTP_RANGE",
    "HTTP_REFERER",
    "HTTP_USER_AGENT",
    "HTTP_X_REQUESTED_WITH",
];

/// Bytes of one chunk of `/down`, and of all that `/large` answers.
pub const CHUNK: usize = 64 << 10;

/// Chunks of `/down`: 1 GiB.
pub const CHUNKS: usize = 16 << 10;

/// What `/environ` answers: bytes in the values of the variables that there are.
pub fn lengths<'a>(look_up: impl Fn(&'static str) -> Option<std::borrow::Cow<'a, str>>) -> String {
    let total: usize = VARIABLES.into_iter().filter_map(look_up).map(|value| value.len()).sum();
    format!("{total} bytes\n")
}

#[derive(Deserialize)]
struct Order {
    customer: String,
    items: Vec<Item>,
}

#[derive(Deserialize, Serialize)]
struct Item {
    name: String,
    price: u64,
    quantity: u64,
}

#[derive(Serialize)]
struct Bill {
    customer: String,
    items: Vec<Item>,
    total: u64,
}

/// What `/json` answers to an order: the bill, or nothing where it is no order.
pub fn bill(order: &[u8]) -> Option<Vec<u8>> {
    let Order { customer, items } = serde_json::from_slice(order).ok()?;
    let total = items.iter().map(|item| item.price.saturating_mul(item.quantity)).sum();
    serde_json::to_vec(&Bill { customer, items, total }).ok()
}

/// What `/page` answers: a page with a table of fifty rows, each value escaped.
pub fn page(name: &str) -> String {
    let mut page = String::from("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>");
    escape(&mut page, name);
    page.push_str("</title>\n<h1>");
    escape(&mut page, name);
    page.push_str("</h1>\n<table>\n");
    for row in 1..=50 {
        page.push_str("<tr><td>");
        escape(&mut page, &row.to_string());
        page.push_str("<td>");
        escape(&mut page, ["ink & paper", "pens <fine>", "\"best\" chalk"][row % 3]);
        page.push('\n');
    }
    page.push_str("</table>\n");
    page
}

fn escape(page: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            _ => page.push(c),
        }
    }
}
