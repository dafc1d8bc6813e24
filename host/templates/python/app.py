"""A web application (WSGI, PEP 3333). Build it with `wasgi build .`, or build it into a served directory."""

from urllib.parse import parse_qs


def app(environ, start_response):
    """Answers one request: says the status and the headers, then returns the body, an iterable of bytes."""
    # Try ?name=Ada
    name = parse_qs(environ["QUERY_STRING"]).get("name", ["World"])[0]
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [f"Hello, {name}! This is NAME.\n".encode()]
