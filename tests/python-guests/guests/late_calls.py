"""Calls start_response and write from `close` and a hook, and says what it was told."""

TOLD = {
    "Headers already set!": "Err(StartError::AlreadyCalled)",
    "write() after the end of the body": "Err(WriteError::Finished)",
}


class Body(list):
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
    body = Body([b"all"])
    body.environ, body.start_response, body.write = environ, start_response, start_response("200 OK", [])
    environ["wasgi.posthooks"].append((body.late, ("sent",), {}))
    return body
