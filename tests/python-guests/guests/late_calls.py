"""Calls start_response and write from `close` and a hook, and says what it was told. Before that it ends with a chunk, or
as `&end=` says: empty or error."""

from urllib.parse import parse_qs

TOLD = {
    "Headers already set!": "Err(AlreadyCalled)",
    "write() after the end of the body": "Err(Finished)",
}


class Body(list):
    def __iter__(self):
        if self.end == "error":
            raise ValueError("late")
        return super().__iter__()

    def close(self):
        self.late(self.environ, "close")

    def late(self, environ, when):
        told = []
        for call in (lambda: self.start_response("200 Again", []), lambda: self.write(b"more")):
            try:
                told.append(f"{call()}")
            except AssertionError as error:
                told.append(TOLD.get(str(error), str(error)))
        environ["wsgi.errors"].write(f"{environ['QUERY_STRING']} {when}: {' '.join(told)}\n")


def app(environ, start_response):
    end = parse_qs(environ["QUERY_STRING"]).get("end", [""])[0]
    body = Body([b"" if end == "empty" else b"all"])
    body.end, body.environ = end, environ
    body.start_response, body.write = start_response, start_response("200 OK", [])
    environ["wasgi.posthooks"].append((body.late, ("sent",), {}))
    return body
