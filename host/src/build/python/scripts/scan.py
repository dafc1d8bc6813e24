"""Finds what could be a project's WSGI application, by reading its sources without running them.

Called with the folders that modules are imported from, the project's own first. Prints JSON:

    {"candidates": [{"app": "shop:app", "file": "/p/shop.py", "line": 3}],     each of them could be meant
     "settings": "mysite.settings",                                            Django's, or null
     "rejected": [{"file": "/p/main.py", "line": 5, "reason": "…"}]}           what looks like one and is none
"""

import ast
import json
import os
import sys

NAMES = ("app", "application")
FACTORIES = ("create_app", "make_app")
MODULES = ("wsgi", "app", "application", "main")
# The folder that modules are imported from, or imported by its name.
SOURCE = "src"
# Modules of the project's own tools, and folders that are no part of the application.
TOOLS = ("setup", "conftest", "manage", "noxfile", "tasks", "fabfile")
ASIDE = ("tests", "test", "docs", "doc", "examples", "scripts", "build", "dist", "venv", "env", "node_modules")
# What their calls make is called, but not as PEP 3333 says.
OTHERS = {"FastAPI": "ASGI", "Starlette": "ASGI", "Quart": "ASGI", "Sanic": "ASGI", "Litestar": "ASGI",
          "BlackSheep": "ASGI", "Celery": "a task queue", "Typer": "a command line"}


class Module:
    """What a module says of the names that matter."""

    def __init__(self, name, path, package, in_source):
        self.name, self.path, self.package, self.in_source = name, path, package, in_source
        self.found = {}      # name -> (line, the names that its value uses)
        self.factories = {}  # name -> line
        self.imports = {}    # local name -> (module, name or None, line)
        self.rejected = []
        self.tops = set()    # the first parts of the modules that it imports
        self.beyond = False  # whether it can only be imported where the folder of sources is its package

    def read(self):
        with open(self.path, "rb") as file:
            source = file.read()
        try:
            tree = ast.parse(source, self.path)
        except (SyntaxError, ValueError) as error:
            where = "as Python %d.%d reads it" % sys.version_info[:2]
            line = getattr(error, "lineno", None) or 1
            said = getattr(error, "msg", None) or str(error)
            self.rejected.append((line, "%s: %s (%s)" % (type(error).__name__, said, where)))
            return
        self.tops = tops(tree)
        levels = [node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        self.beyond = self.in_source and max(levels, default=0) > self.name.count(".") + self.package
        self.block(tree.body)

    def block(self, body):
        for node in body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Name) and target.id in NAMES and node.value is not None:
                        self.value(target.id, node)
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.function(node)
            elif isinstance(node, ast.ClassDef) and node.name in NAMES:
                self.found[node.name] = (node.lineno, set())
            elif isinstance(node, ast.ImportFrom):
                base = self.relative(node)
                for alias in node.names:
                    self.imports[alias.asname or alias.name] = (base, alias.name, node.lineno)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    self.imports[alias.asname or top] = (alias.name if alias.asname else top, None, node.lineno)
            elif isinstance(node, ast.If):
                if not is_main(node.test):
                    self.block(node.body)
                self.block(node.orelse)
            elif isinstance(node, ast.Try):
                for part in [node.body, node.orelse, node.finalbody] + [handler.body for handler in node.handlers]:
                    self.block(part)
            elif isinstance(node, ast.With):
                self.block(node.body)

    def value(self, name, node):
        value = node.value
        if isinstance(value, (ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.JoinedStr)):
            return
        made = dotted(value.func) if isinstance(value, ast.Call) else None
        other = OTHERS.get(made.rpartition(".")[2]) if made else None
        if other:
            self.rejected.append((node.lineno, "%s is made by %s, which is %s and not WSGI" % (name, made, other)))
            return
        used = {dotted(part) for part in ast.walk(value) if isinstance(part, (ast.Name, ast.Attribute))} - {None}
        # One that is made from its own former value, by a middleware, is the same one still.
        before = self.found.get(name, (0, set()))[1]
        self.found[name] = (node.lineno, (used | before) - {name})

    def function(self, node):
        arguments = node.args
        if node.name in FACTORIES:
            needed = len(arguments.posonlyargs + arguments.args) - len(arguments.defaults)
            needed += sum(default is None for default in arguments.kw_defaults)
            if not needed and not isinstance(node, ast.AsyncFunctionDef):
                self.factories[node.name] = node.lineno
        elif node.name in NAMES:
            several = len(arguments.posonlyargs + arguments.args) >= 2 or arguments.vararg
            if isinstance(node, ast.AsyncFunctionDef):
                self.rejected.append((node.lineno, "%s is a coroutine, as ASGI has it, and not WSGI" % node.name))
            elif several or node.decorator_list:
                self.found[node.name] = (node.lineno, set())

    def relative(self, node):
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        up = node.level - (1 if self.package else 0)
        base = parts[:len(parts) - up] if up else parts
        return ".".join(base + ([node.module] if node.module else []))


def is_main(test):
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def tops(tree):
    """The first parts of the modules that are imported, but not relatively."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def dotted(node):
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id] + names[::-1])


def modules(roots, source=""):
    """The modules in which an application is looked for: top-level ones, and those of packages with a telling name.

    Names of those in the folder of sources begin with `source`.
    """
    found = {}

    def add(name, path, package=False):
        name = prefix + name
        if os.path.isfile(path) and name not in found:
            found[name] = Module(name, path, package, root != roots[0])
            found[name].read()

    for root in roots:
        prefix = "" if root == roots[0] else source
        for entry in sorted(os.listdir(root)):
            path = os.path.join(root, entry)
            stem, end = os.path.splitext(entry)
            if end == ".py" and stem.isidentifier():
                if not is_tool(stem):
                    add(stem, path)
            elif entry.isidentifier() and entry not in ASIDE and os.path.isdir(path) and path not in roots:
                package = os.path.isfile(os.path.join(path, "__init__.py"))
                if package:
                    add(entry, os.path.join(path, "__init__.py"), True)
                for stem in MODULES:
                    add("%s.%s" % (entry, stem), os.path.join(path, stem + ".py"))
    return found


def is_tool(stem):
    return stem in TOOLS or stem.startswith("test_") or stem.endswith("_test")


def source_is_package(found, roots):
    """Whether modules in the folder of sources are imported as `src.…`, and not by their bare names."""
    if len(roots) == 1:
        return False
    if any(module.beyond for module in found.values()):
        return True
    return any(SOURCE in module.tops for module in found.values()) and not any(
        is_bare(name, roots) for name in all_tops(found, roots[1]))


def all_tops(found, source):
    """What is imported by the modules that were found, and by all others in the folder of sources."""
    names = set().union(*(module.tops for module in found.values()))
    for folder, folders, files in os.walk(source):
        folders[:] = [entry for entry in folders if entry.isidentifier() and entry not in ASIDE]
        for stem, end in map(os.path.splitext, files):
            if end == ".py" and not is_tool(stem):
                try:
                    with open(os.path.join(folder, stem + end), "rb") as file:
                        names |= tops(ast.parse(file.read()))
                except (OSError, SyntaxError, ValueError):
                    pass  # nobody imports it
    return names


def is_bare(name, roots):
    """Whether what is imported by this name lies in the folder of sources."""
    library = getattr(sys, "stdlib_module_names", sys.builtin_module_names)
    top, source = (os.path.join(root, name) for root in roots)
    there = [os.path.isfile(path + ".py") or os.path.isdir(path) for path in (top, source)]
    return name not in library and there == [False, True]


def locate(roots, name):
    """The file of a module, or None."""
    for root in roots:
        base = os.path.join(root, *name.split("."))
        for path in (base + ".py", os.path.join(base, "__init__.py")):
            if os.path.isfile(path):
                return path
    return None


def definition(found, module, name):
    """Where a dotted name that a module uses is defined: (module, name), or None where that is not looked at."""
    head, _, rest = name.partition(".")
    seen = set()
    while (module.name, head) not in seen:
        seen.add((module.name, head))
        if head in module.found or head in module.factories:
            return module.name, head
        if head not in module.imports:
            return None
        base, inner, _ = module.imports[head]
        if inner is None:
            target, head = base, rest.partition(".")[0]
        elif "%s.%s" % (base, inner) in found:
            target, head = "%s.%s" % (base, inner), rest.partition(".")[0]
        else:
            target, head = base, inner
        if target not in found or not head:
            return None
        module = found[target]
    return None


def candidates(found, roots):
    """What could be meant: definitions that no other one is made from."""
    made = {}  # (module, name) -> (file, line, what it is made from)
    paths = {None} | {module.path for module in found.values()}
    for module in found.values():
        for name, (line, used) in module.found.items():
            parts = {definition(found, module, each) for each in used}
            made[module.name, name] = (module.path, line, parts - {None, (module.name, name)})
        for name in set(NAMES) & set(module.imports) - set(module.found):
            base, inner, line = module.imports[name]
            if inner is None or "%s.%s" % (base, inner) in found:
                continue  # a module
            origin = definition(found, module, name)
            if module.name.rpartition(".")[2] == "wsgi":  # which is there for servers to load
                made[module.name, name] = (module.path, line, {origin} - {None})
            elif locate(roots, base) not in paths:  # defined where nobody looks otherwise
                made[base, inner] = (module.path, line, set())
    parts = {part for _, _, used in made.values() for part in used}
    return [entry("%s:%s" % key, path, line) for key, (path, line, _) in sorted(made.items()) if key not in parts]


def factories(found):
    return [entry("%s:%s()" % (module.name, name), module.path, line)
            for module in found.values() for name, line in module.factories.items()]


def entry(app, path, line):
    return {"app": app, "file": path, "line": line}


def django_settings(roots):
    """The settings module that manage.py names, or None."""
    path = os.path.join(roots[0], "manage.py")
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read(), path)
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        words = []
        if isinstance(node, ast.Call):
            words = node.args
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            words = [node.targets[0].slice, node.value]
        texts = [word.value for word in words if isinstance(word, ast.Constant)]
        if len(texts) == 2 and texts[0] == "DJANGO_SETTINGS_MODULE" and isinstance(texts[1], str):
            return texts[1]
    return None


def django_application(roots, settings):
    """What Django's settings name as WSGI_APPLICATION, or None."""
    path = locate(roots, settings)
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read(), path)
    except (SyntaxError, ValueError):
        return None
    for node in tree.body:
        if isinstance(node, ast.Assign) and [dotted(target) for target in node.targets] == ["WSGI_APPLICATION"]:
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                module, _, name = node.value.value.rpartition(".")
                return entry("%s:%s" % (module, name), path, node.lineno)
    return None


def main(roots):
    found = modules(roots)
    if source_is_package(found, roots):
        found = modules(roots, SOURCE + ".")
    chosen = candidates(found, roots)
    settings = django_settings(roots)
    if settings is not None:
        named = django_application(roots, settings)
        if named is not None and named["app"] not in [each["app"] for each in chosen]:
            chosen.append(named)
        elif named is None and not chosen:
            chosen = [entry("django.core.wsgi:get_wsgi_application()", os.path.join(roots[0], "manage.py"), 1)]
    rejected = [{"file": module.path, "line": line, "reason": reason}
                for module in found.values() for line, reason in module.rejected]
    print(json.dumps({"candidates": chosen or factories(found), "settings": settings, "rejected": rejected}))


if __name__ == "__main__":
    main(sys.argv[1:])
