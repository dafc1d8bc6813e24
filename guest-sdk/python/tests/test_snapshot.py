"""Finding, importing and warming up an application, and the report of it."""

import io
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

from wasgi import lasting, reading, snapshot, standard, waking, warmup
from wasgi.warmup import warm_up


class Project(unittest.TestCase):
    """A project in a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.packages = f"{folder.name}/app", f"{folder.name}/packages"
        for path in (self.packages, self.folder):
            os.mkdir(path)
            sys.path.insert(0, path)
            self.addCleanup(sys.path.remove, path)
        library = os.path.dirname(os.__file__)
        for name, path in (("APP", self.folder), ("PACKAGES", self.packages), ("LIBRARY", library)):
            patched = mock.patch.object(reading, name, f"{path}/")
            patched.start()
            self.addCleanup(patched.stop)
        self.addCleanup(os.environ.update, dict(os.environ))
        self.addCleanup(os.environ.clear)
        bytecode = mock.patch.object(sys, "dont_write_bytecode", True)
        bytecode.start()
        self.addCleanup(bytecode.stop)
        modules = set(sys.modules)
        self.addCleanup(lambda: [sys.modules.pop(name) for name in set(sys.modules) - modules])

    def write(self, path, source):
        with open(path, "w") as stream:
            stream.write(textwrap.dedent(source))

    def take(self, application, source, warmup=(), env=None):
        self.write(f"{self.folder}/shop.py", source)
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
        self.assertEqual(read, [(name, f"{self.folder}/shop.py", line) for name, line in zip("ABCDA", (3, 4, 5, 6, 7))])

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
            [warning.split(": ")[0] for warning in report["warnings"]],
            [f"{self.folder}/shop.py:3", f"{self.folder}/shop.py:4"],
        )

    def test_so_are_those_that_a_package_reads_for_the_application(self):
        package = """
            import os
            ITS_OWN = os.urandom(8)
            def key():
                return made()
            def made():
                return os.urandom(8)
        """
        self.write(f"{self.packages}/keys.py", package)
        _, report = self.take("shop:app", "import keys\nSECRET = keys.key()\napp = print")
        self.assertEqual([warning.split(": ")[0] for warning in report["warnings"]], [f"{self.folder}/shop.py:2"])

    def test_also_through_the_standard_library(self):
        package = """
            import contextlib, functools, os
            def key():
                return os.urandom(8)
            @contextlib.contextmanager
            def opened():
                yield key()
            @functools.singledispatch
            def of(value):
                return key()
            def late():
                import importlib
                return importlib.import_module("its_own").KEY
        """
        self.write(f"{self.packages}/keys.py", package)
        self.write(f"{self.packages}/its_own.py", "import keys\nKEY = keys.key()")
        source = """
            import keys
            with keys.opened() as A: pass
            B = keys.of(1)
            C = keys.late()
            app = print
        """
        _, report = self.take("shop:app", source)
        self.assertEqual(
            [warning.split(": ")[0] for warning in report["warnings"]],
            [f"{self.folder}/shop.py:3", f"{self.folder}/shop.py:4"],
        )

    def test_a_variable_that_is_read_before_it_is_set_is_told(self):
        source = """
            import os
            os.environ["URL"] = os.environ.get("URL", "").replace("a", "b")
            os.environ.get("URL")
            app = print
        """
        _, report = self.take("shop:app", source, env={"URL": "a"})
        self.assertEqual([(read["name"], read["line"]) for read in report["environment"]], [("URL", 3)])

    def test_a_variable_that_the_application_sets_is_its_own(self):
        source = """
            import os
            os.environ.setdefault("SETTINGS", "shop.settings")
            os.environ.setdefault("GIVEN", "none")
            os.environ["SET"] = "1"
            seen = os.environ["SETTINGS"], os.environ["SET"], os.environ["GIVEN"]
            def app(environ, start_response):
                start_response(os.environ["SETTINGS"], [])
                return []
        """
        _, report = self.take("shop:app", source, ["/"], env={"GIVEN": "x"})
        self.assertEqual(sys.modules["shop"].seen, ("shop.settings", "1", "x"))
        self.assertEqual({read["name"] for read in report["environment"]}, {"GIVEN"})
        self.assertEqual(report["warnings"], [])

    def test_variables_that_a_warm_up_reads_once_are_warned_of(self):
        package = """
            import functools, os
            @functools.cache
            def early():
                return os.environ.get("EARLY"), os.environ.get("LATE")
        """
        source = """
            import functools, os, settings
            os.environ.get("EARLY")
            @functools.cache
            def late():
                return os.environ.get("LATE")
            def app(environ, start_response):
                settings.early()
                late()
                os.environ.get("EACH_TIME")
                if environ["REQUEST_METHOD"] == "POST":
                    os.environ.get("POSTED")
                requests.append(environ["REQUEST_METHOD"])
                start_response("200 OK", [])
                return []
            requests = []
        """
        self.write(f"{self.packages}/settings.py", package)
        _, report = self.take("shop:app", source, ["/", "POST /"])
        self.assertEqual([read["name"] for read in report["environment"]], ["EARLY"])
        frozen = "where what is kept of it is frozen"
        self.assertEqual(
            report["warnings"],
            [
                f"{self.folder}/shop.py:6: LATE is read in the warm-up /, {frozen}",
                f"{self.folder}/shop.py:10: EACH_TIME is read in the warm-up POST /, {frozen}",
                f"{self.folder}/shop.py:12: POSTED is read in the warm-up POST /, {frozen}",
            ],
        )
        self.assertEqual(sys.modules["shop"].requests, ["GET", "GET", "POST"])

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
                f"warm-up /bad: ValueError: no ({self.folder}/shop.py:6)",
                "warm-up /none: start_response was not called",
                "warm-up /5: it was answered 500 Oops",
            ],
        )
        self.assertNotIn("error", report)

    def test_what_a_failed_warm_up_logged_is_told(self):
        source = """
            import traceback
            def app(environ, start_response):
                try:
                    raise ValueError("no")
                except ValueError:
                    traceback.print_exc(file=environ["wsgi.errors"])
                start_response("500 Oops", [])
                return [b"sorry"]
            def chatty(environ, start_response):
                environ["wsgi.errors"].writelines(f"{n}\\n" for n in range(100))
                yield b""
                raise ValueError
        """
        warning = self.take("shop:app", source, ["/"])[1]["warnings"][0].splitlines()
        self.assertEqual(warning[0], f"warm-up /: it was answered 500 Oops ({self.folder}/shop.py:5)")
        self.assertEqual((warning[1], warning[-1]), ("    Traceback (most recent call last):", "    ValueError: no"))
        warning = self.take("shop:chatty", source, ["/"])[1]["warnings"][0].splitlines()
        self.assertEqual(warning[1:], [f"    {n}" for n in range(80, 100)])

    def test_so_is_what_it_printed(self):
        def app(environ, start_response):
            stream.write("to stderr\n")
            environ["wsgi.errors"].write("to errors")
            raise ValueError

        stream = standard.Stream(io.BytesIO(), line_buffering=True)
        warning = warm_up(app, "/").splitlines()
        self.assertEqual(warning[1:], ["    to stderr", "    to errors"])
        self.assertEqual(standard.listeners, [])

    def test_a_response_without_an_end_is_left(self):
        source = """
            import time
            closed = []
            def app(environ, start_response):
                environ["wasgi.posthooks"].append((lambda env: closed.append(env["wasgi.complete"]), (), {}))
                start_response("200 OK", [])
                while True:
                    time.sleep(0.01 if environ["PATH_INFO"] == "/slow" else 0)
                    yield b"x"
        """
        with mock.patch.object(warmup, "SECONDS", 0.1), mock.patch.object(warmup, "CHUNKS", 100):
            _, report = self.take("shop:app", source, ["/", "/slow"])
        self.assertEqual(report["warnings"][0], "warm-up /: its response had no end after 100 chunks and was left")
        self.assertRegex(report["warnings"][1], r"warm-up /slow: its response had no end after \d+ chunks and was left")
        self.assertEqual(sys.modules["shop"].closed, [False, False])


class Waking(unittest.TestCase):
    def test_what_the_build_set_is_the_default(self):
        with (
            mock.patch.dict(os.environ, {"A": "build", "B": "build"}, clear=True),
            mock.patch.object(waking, "_environment", {}),
            mock.patch.object(waking.room, "fill"),  # this interpreter's memory is none of a guest's
        ):
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
