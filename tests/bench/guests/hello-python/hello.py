"""The example `hello` in Python: what wasgi and the native servers of WSGI are compared by."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "14")])
    return [b"Hello, World!\n"]
