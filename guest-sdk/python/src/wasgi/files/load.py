"""What goes into memory: which files of which folders."""

from __future__ import annotations

import os

from .tree import Tree

#: What a guest has no use for: caches, native code, type stubs, and the sources of translations.
SKIPPED_SUFFIXES = (".pyc", ".so", ".pyd", ".dll", ".dylib", ".pyi", ".po", ".pot")
SKIPPED_FOLDERS = {"__pycache__", ".git", ".hg", ".venv", "node_modules"}
#: Parts of the standard library that need what a guest has not, or are for developers.
SKIPPED_LIBRARY = {
    "__phello__",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "test",
    "tkinter",
    "turtledemo",
    "venv",
}


def load(tree: Tree, source: str, target: str, *, library: bool = False) -> None:
    """Takes the files below a folder of the system into the tree, at `target`; of the standard library the modules."""
    skipped = SKIPPED_FOLDERS | SKIPPED_LIBRARY if library else SKIPPED_FOLDERS
    for folder, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if name not in skipped)
        place = target + folder[len(source) :]
        tree.make_directory(place)
        for name in sorted(names):
            if name.endswith(SKIPPED_SUFFIXES) or (library and not name.endswith(".py")):
                continue
            path = f"{folder}/{name}"
            with open(path, "rb") as stream:
                tree.add(f"{place}/{name}", stream.read(), os.stat(path).st_mtime)
