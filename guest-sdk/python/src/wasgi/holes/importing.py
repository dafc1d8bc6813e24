"""Changes modules as they are imported."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

Change = Callable[[Any], None]


class Finder(MetaPathFinder):
    """Finds modules that are changed after their import, and modules that stand in for those that are not there."""

    def __init__(self) -> None:
        self._after: dict[str, Change] = {}
        self._instead: dict[str, Change] = {}

    def after(self, name: str, change: Change) -> None:
        """Has a module changed once it is imported; at once if it is."""
        if name in sys.modules:
            change(sys.modules[name])
        else:
            self._after[name] = change

    def instead(self, name: str, fill: Change) -> None:
        """Has an empty module of that name filled, where there is none."""
        self._instead[name] = fill

    def install(self) -> None:
        """From now on."""
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module that is to be changed; None for every other."""
        if name in self._instead:
            return ModuleSpec(name, Filling(self._instead[name]), origin="wasgi")
        change = self._after.get(name)
        spec = PathFinder.find_spec(name, path) if change else None
        if spec is not None and spec.loader is not None:
            spec.loader = Changing(spec.loader, change)  # type: ignore[arg-type]
        return spec


class Filling(Loader):
    """Loads a stand-in."""

    def __init__(self, fill: Change) -> None:
        self._fill = fill

    def create_module(self, spec: ModuleSpec) -> None:
        """The usual module."""

    def exec_module(self, module: ModuleType) -> None:
        """Fills it."""
        self._fill(module)


class Changing(Loader):
    """Loads a module as before, and changes it."""

    def __init__(self, loader: Any, change: Change) -> None:
        self._loader = loader
        self._change = change

    def __getattr__(self, name: str) -> Any:
        # Tracebacks and importlib.resources ask the loader for sources and data.
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As before."""
        return self._loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        """Loads and changes it."""
        self._loader.exec_module(module)
        self._change(module)
