"""Finding, importing and warming up an application, and the report of it."""

import json
import os
import re
import sys
import tempfile
import textwrap
import types
import unittest
from array import array
from unittest import mock

from wasgi import lasting, reading, snapshot, waking
from wasgi.warmup import warm_up


class Project(unittest.TestCase):
    """A project in a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        sys.path.insert(0, self.folder)
        self.addCleanup(sys.path.remove, self.folder)
        self.addCleanup(os.environ.update, dict(os.environ))
        self.addCleanup(os.environ.clear)
        bytecode = mock.patch.object(sys, "dont_write_bytecode", True)
        bytecode.start()
        self.addCleanup(bytecode.stop)
        modules = set(sys.modules)
        self.addCleanup(lambda: [sys.modules.pop(name) for name in set(sys.modules) - modules])
        patched = mock.patch.object(reading, "_reader", self.reader)
        patched.start()
        self.addCleanup(patched.stop)

    def reader(self, folders):
        frame = sys._getframe(1)
        while frame.f_globals.get("__name__") in reading.BETWEEN and frame.f_back is not None:
            frame = frame.f_back
        file = frame.f_code.co_filename
        return (file.replace(self.folder, "/app"), frame.f_lineno) if file.startswith(self.folder) else None

    def take(self, application, source, warmup=(), env=None):
        with open(f"{self.folder}/shop.py", "w") as stream:
            stream.write(textwrap.dedent(source))
        said = types.SimpleNamespace(APPLICATION=application, WARMUP=list(warmup), ENV=env or {})
        report = f"{self.folder}/report.json"
        try:
            found = snapshot.take(said, report, open)
        except BaseException as error:
            found = error
        with open(report) as stream:
            return found, json.load(stream)

    HELLO = """
        def app(environ, start_response):
            start_response("200 OK", [])
            return [b"hello"]
    """

    def test_an_application_is_found(self):
        found, report = self.take("shop:app", self.HELLO)
        self.assertEqual(found.__name__, "app")
        self.assertEqual(
            report, {"python": ".".join(map(str, sys.version_info[:3])), "environment": [], "warnings": []}
        )

    def test_so_is_an_attribute_and_what_a_factory_makes(self):
        source = """
            class Site:
                def app(self, environ, start_response): ...
            site = Site()
            def make():
                return site.app
        """
        self.assertEqual(self.take("shop:site.app", source)[0].__name__, "app")
        self.assertEqual(self.take("shop:make()", source)[0].__name__, "app")

    def test_each_failure_is_told_with_its_place(self):
        cases = [
            ("shop:app", "import not_to_be_found", "ModuleNotFoundError", "No module named 'not_to_be_found'", 1),
            ("shop:app", "def app(:", "SyntaxError", "invalid syntax", 1),
            ("shop:other", "app = 1", "AttributeError", "module 'shop' has no attribute 'other'", None),
            ("shop:app", "app = 1", "TypeError", "shop:app is no application: a int can't be called", None),
            ("shop:app", "\nraise SystemExit('stop')", "SystemExit", "stop", 2),
            ("nowhere:app", "", "ModuleNotFoundError", "No module named 'nowhere'", None),
        ]
        for application, source, kind, message, line in cases:
            sys.modules.pop("shop", None)
            found, report = self.take(application, source)
            self.assertIsInstance(found, BaseException)
            error = report["error"]
            self.assertEqual((error["kind"], error["message"]), (kind, message))
            self.assertIn(kind, error["trace"])
            if line:
                self.assertEqual((error["file"], error["line"]), (f"{self.folder}/shop.py", line))

    def test_variables_that_are_read_are_told(self):
        source = """
            import os
            a = os.environ.get("A")
            b = os.getenv("B", "b")
            c = os.environ["C"]
            d = "D" in os.environ
            for _ in range(2): os.environ.get("A")
            os.environ["E"] = "set"
            app = lambda environ, start_response: [a, b, c, d]
        """
        found, report = self.take("shop:app", source, env={"C": "c"})
        self.assertEqual(found(None, None), [None, "b", "c", False])
        read = [(read["name"], read["file"], read["line"]) for read in report["environment"]]
        self.assertEqual(read, [(name, "/app/shop.py", line) for name, line in zip("ABCDA", (3, 4, 5, 6, 7))])

    def test_random_bytes_that_are_read_are_warned_of(self):
        source = """
            import os, secrets, random
            SECRET = os.urandom(8)
            TOKEN = secrets.token_hex()
            def app(environ, start_response):
                os.urandom(8)
        """
        _, report = self.take("shop:app", source)
        self.assertEqual(
            [warning.split(": ")[0] for warning in report["warnings"]], ["/app/shop.py:3", "/app/shop.py:4"]
        )

    def test_the_environment_is_the_builds_alone(self):
        os.environ["OF_THE_HOST"] = "x"
        found, _ = self.take(
            "shop:app", "import os\nseen = dict(os.environ)\nclass app: __init__ = None", env={"A": "a"}
        )
        self.assertEqual(sys.modules["shop"].seen, {"A": "a"})

    def test_warm_up_requests_are_marked_and_their_failures_warned_of(self):
        source = """
            seen = []
            def app(environ, start_response):
                seen.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], environ["wasgi.warmup"]))
                if environ["PATH_INFO"] == "/bad":
                    raise ValueError("no")
                if environ["PATH_INFO"] == "/none":
                    return []
                start_response({"/5": "500 Oops"}.get(environ["PATH_INFO"], "200 OK"), [])
                return [b"hello"]
        """
        _, report = self.take("shop:app", source, ["GET /", "/a%20b?q=1", "HEAD /x", "/bad", "/none", "/5"])
        self.assertEqual(
            sys.modules["shop"].seen[:3],
            [("GET", "/", "", True), ("GET", "/a b", "q=1", True), ("HEAD", "/x", "", True)],
        )
        self.assertEqual(
            report["warnings"],
            [
                "warm-up /bad: ValueError: no",
                "warm-up /none: start_response was not called",
                "warm-up /5: it was answered 500 Oops",
            ],
        )
        self.assertNotIn("error", report)


class Waking(unittest.TestCase):
    def test_what_the_build_set_is_the_default(self):
        with (
            mock.patch.dict(os.environ, {"A": "build", "B": "build"}, clear=True),
            mock.patch.object(waking, "_environment", {}),
        ):
            with mock.patch.object(sys, "stdout", mock.Mock()), mock.patch.object(sys, "stderr", mock.Mock()):
                waking.fall_asleep(os.devnull, open)
            import gc

            gc.unfreeze()
            self.assertTrue(waking.asleep)
            os.environ.clear()
            os.environ["A"] = "manifest"
            waking.wake()
            self.assertFalse(waking.asleep)
            self.assertEqual(dict(os.environ), {"A": "manifest", "B": "build"})


class Example:
    """With a method, a constant and an instance of itself."""

    def method(self):
        return "a constant of a method"


EXAMPLE = Example()


class Lasting(unittest.TestCase):
    def test_what_does_not_change_is_noted_with_its_type(self):
        path = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "objects")
        lasting.note(path, open)
        with open(path, "rb") as stream:
            words = array("L", stream.read())
        noted = dict(zip(words[::2], words[1::2]))
        code = Example.method.__code__
        for each in (
            Example,
            Example.method,
            code,
            code.co_consts,
            "a constant of a method",
            lasting.KINDS,
            re.compile,
        ):
            self.assertEqual(noted.get(id(each)), id(type(each)), each)
        for each in (EXAMPLE, EXAMPLE.__dict__, os.environ, sys.modules):
            self.assertNotIn(id(each), noted)


class WarmUp(unittest.TestCase):
    def test_it_closes_and_runs_hooks(self):
        done = []

        def app(environ, start_response):
            environ["wasgi.posthooks"].append((lambda env: done.append("hook"), (), {}))
            start_response("200 OK", [])
            try:
                yield b"x"
            finally:
                done.append("close")

        self.assertIsNone(warm_up(app, "GET /"))
        self.assertEqual(done, ["close", "hook"])


if __name__ == "__main__":
    unittest.main()
