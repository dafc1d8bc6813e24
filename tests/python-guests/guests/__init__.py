"""The guests of the conformance suite, written in Python: each module is the Python twin of the guest of its name in
`tests/guests/examples`, and says what that says; `file_wrapper` has none, as Rust has no files. The variable GUEST of the
process tells which one it is.
"""

import importlib
import os
import pkgutil

GUESTS = {
    name: importlib.import_module(f"{__name__}.{name}")
    for _, name, _ in pkgutil.iter_modules(__path__)
    if name != "common"
}


def app(environ, start_response):
    return GUESTS[os.environ["GUEST"]].app(environ, start_response)
