"""What the process finds around it: environment variables, but the one that says who it is, and arguments."""

import os
import sys

from .common import ok


def app(environ, start_response):
    ok(start_response)
    variables = [f"{name}={value}\n" for name, value in os.environ.items() if name != "GUEST"]
    return ["".join(variables + [f"argument {argument}\n" for argument in sys.argv]).encode()]
