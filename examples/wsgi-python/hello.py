"""The callable that every introduction to WSGI begins with."""


def application(environ, start_response):
    """Answers with a list of one text."""
    body = b"Hello WSGI!\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
