"""Bottle, unchanged: a framework in one file."""

from bottle import Bottle, HTTPResponse, request, template

app = Bottle()

PAGE = """<!doctype html>
<title>Bottle on wasgi</title>
<h1>Hello, {{name}}!</h1>
<p>Try <a href="hello/Ada">hello/Ada</a>, or <a href="sum?n=1&n=2&n=3">a sum</a>.</p>
"""


@app.get("/")
@app.get("/hello/<name>")
def hello(name="World"):
    return template(PAGE, name=name)


@app.get("/sum")
def total():
    """Bottle answers a dictionary as JSON."""
    try:
        return {"sum": sum(int(number) for number in request.query.getall("n"))}
    except ValueError:
        return HTTPResponse({"error": "n has to be a number"}, 400)


@app.post("/upper")
def upper():
    """A stream: the body comes back in capitals, piece by piece."""
    body = request.body  # rewound each time it is asked for
    while piece := body.read(8192):
        yield piece.upper()
