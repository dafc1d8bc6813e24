"""The files of an application, in the guest's memory.

A component reaches no file system, but applications read theirs: late imports, templates, translations, package
metadata. So the snapshot takes the standard library, the project and its dependencies into memory, and the functions
of `os`, `io` and importlib find them there: one mechanism serves `import`, `open`, pathlib, importlib.resources and
every template loader. `/tmp` can be written and lives as long as its instance; everything else is read-only.
Paths that are not in memory go to the functions that were there before, and so to WASI.
"""

from .load import load
from .patch import install
from .tree import Tree

__all__ = ["Tree", "install", "load"]
