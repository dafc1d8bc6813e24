"""Plain WSGI: the applications that PEP 3333 and those before wasgi gave as examples, each below a path of its own."""

from html import escape
from wsgiref.util import shift_path_info

import hello
import pep3333
import posthooks
import services

APPLICATIONS = {
    "simple_app": pep3333.simple_app,
    "AppClass": pep3333.AppClass,
    "hello": hello.application,
    "posthooks": posthooks.hello_world,
    "scheme": posthooks.scheme,
    "services": services.hello,
}


def application(environ, start_response):
    """Calls the application that the path's first segment names; each is a callable, whatever else it is."""
    mount = environ["SCRIPT_NAME"]
    name = shift_path_info(environ)
    if name in APPLICATIONS:
        return APPLICATIONS[name](environ, start_response)
    links = "".join(f'<li><a href="{escape(mount)}/{each}">{each}</a>\n' for each in APPLICATIONS)
    start_response("404 Not Found" if name else "200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [f"<!doctype html>\n<title>Plain WSGI</title>\n<h1>Plain WSGI</h1>\n<ul>\n{links}</ul>\n".encode()]
