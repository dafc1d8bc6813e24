"""The module that componentize-py imports inside the guest's interpreter: what is here when it has been imported is
the component. See README.md, "How a component is made".
"""

from __future__ import annotations

import os
import sys

import wasgi_application  # type: ignore[import-not-found]

from . import files

STAGING = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _take_files() -> files.Tree:
    """Takes all files into memory, and has the interpreter find them there."""
    tree = files.Tree()
    files.load(tree, "/python", "/python", library=True)
    files.load(tree, f"{STAGING}/wasgi", f"{STAGING}/wasgi")
    for folder in ("app", "packages"):
        tree.make_directory(f"/{folder}")
        files.load(tree, f"{STAGING}/{folder}", f"/{folder}")
    return tree


_tree = _take_files()
_open = files.install(_tree)

# Only now are files found in memory, and what follows may be imported.
from . import body, holes, randomness, snapshot, standard, waking, wit  # noqa: E402

sys.path[:] = [*wasgi_application.PATH, "/packages", "/python", STAGING]
sys.path_importer_cache.clear()
_tree.cwd = "/app"
standard.install()
holes.install()
randomness.record()

_application = snapshot.take(wasgi_application, f"{STAGING}/report.json", _open)
waking.fall_asleep(f"{STAGING}/objects", _open)


class Application:
    """`wasgi:gateway/application`, as componentize-py looks for it."""

    def handle(self, environ: wit.Environ, start_response: wit.StartResponse) -> body.Body:
        """Answers one request."""
        if waking.asleep:
            waking.wake()
        response = body.new()
        response.begin(_application, environ, start_response)
        return response
