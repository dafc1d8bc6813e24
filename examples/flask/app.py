"""Flask, unchanged: routes, a template, a form, JSON, a stream, a session, static files.

`wasgi build examples/flask` makes one component of it and its requirements. `flask.toml` is its manifest: put it beside
the component.
"""

import os
import time

from flask import Flask, Response, abort, jsonify, redirect, render_template, request, session, url_for

app = Flask(__name__)

ITEMS = [{"id": 1, "name": "ink"}, {"id": 2, "name": "paper"}]


def with_key(wsgi_app):
    """Takes the key from the manifest, whose [env] is there from the first request on: what is read during the import is
    in the component."""

    def wrapped(environ, start_response):
        app.secret_key = os.environ.get("SECRET_KEY")
        return wsgi_app(environ, start_response)

    return wrapped


app.wsgi_app = with_key(app.wsgi_app)


@app.get("/")
def index():
    return render_template("index.html", items=ITEMS)


@app.get("/hello/<name>")
def hello(name):
    return f"Hello, {name}!\n", {"Content-Type": "text/plain; charset=utf-8"}


@app.route("/form", methods=["GET", "POST"])
def form():
    if request.method == "POST":
        upload = request.files.get("file")
        size = len(upload.read()) if upload else None
        return render_template("form.html", text=request.form.get("text", ""), size=size)
    return render_template("form.html")


@app.route("/api/items", methods=["GET", "POST"])
def items():
    if request.method == "POST":
        item = request.get_json()
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            return jsonify(error="an item has a name"), 400
        # Not stored: the next request may well have another instance.
        return jsonify(id=len(ITEMS) + 1, name=item["name"]), 201
    return jsonify(ITEMS)


@app.get("/api/items/<int:number>")
def item(number):
    for each in ITEMS:
        if each["id"] == number:
            return jsonify(each)
    abort(404)


@app.get("/stream")
def stream():
    """Lines that are sent as they are made."""
    count = min(request.args.get("n", 5, int), 100)
    pause = min(request.args.get("ms", 300, int), 1000) / 1000

    def lines():
        for number in range(count):
            if number:
                time.sleep(pause)
            yield f"line {number + 1} of {count}\n"

    return Response(lines(), mimetype="text/plain")


@app.get("/visits")
def visits():
    """Counts in a signed cookie."""
    session["visits"] = session.get("visits", 0) + 1
    return f"visit {session['visits']}\n", {"Content-Type": "text/plain; charset=utf-8"}


@app.get("/leave")
def leave():
    session.clear()
    return redirect(url_for("index"))


@app.get("/error")
def error():
    """A 500 for the client, and a traceback in the application's log."""
    return {}["no such price"]
