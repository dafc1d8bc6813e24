"""The files in memory: the tree by itself, and under os, io and importlib in an interpreter of its own."""

import io
import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest

from wasgi.files import Tree, load
from wasgi.files.patch import Calls
from wasgi.files.streams import parse_mode


def tree(**files):
    made = Tree()
    for name, data in files.items():
        made.add(f"/app/{name.replace('__', '/')}", data, 1.5)
    return made


class Trees(unittest.TestCase):
    def test_paths_are_found_however_they_are_written(self):
        made = tree(a__b=b"x")
        made.cwd = "/app"
        for path in (
            "/app/a/b",
            "a/b",
            "./a//b",
            "a/../a/b",
            b"/app/a/b",
            pathlib.PurePosixPath("/app/a/b"),
            "/../app/a/b",
        ):
            self.assertEqual(made.find(path).read(), b"x", path)

    def test_what_is_not_there(self):
        made = tree(a=b"x")
        for path, error in (
            ("/app/b", FileNotFoundError),
            ("/app/a/b", NotADirectoryError),
            ("/app/a/", NotADirectoryError),
            ("", FileNotFoundError),
        ):
            with self.assertRaises(error):
                made.find(path)
        with self.assertRaises(ValueError):
            made.find("/app/\0")

    def test_only_what_is_here_is_answered_for(self):
        made = tree(a=b"x")
        self.assertTrue(made.holds("/app/nothing"))
        self.assertTrue(made.holds("/tmp"))
        self.assertFalse(made.holds("/etc/passwd"))
        self.assertFalse(made.holds(7))

    def test_what_compresses_is_kept_compressed(self):
        made = tree(a=b"x" * 10_000, b=os.urandom(100))
        self.assertLess(len(made.find("/app/a")._data), 100)
        self.assertEqual(made.find("/app/a").size, 10_000)
        self.assertEqual(len(made.find("/app/b").read()), 100)


class Functions(unittest.TestCase):
    def setUp(self):
        self.calls = Calls(tree(a=b"abc", folder__b=b"b"))

    def open(self, *args, **options):
        return self.calls.open_stream(*args, **options)

    def test_stat(self):
        status = self.calls.stat("/app/a")
        self.assertEqual((status.st_size, status.st_mtime, status.st_mtime_ns), (3, 1.5, 1_500_000_000))
        self.assertTrue(os.path.stat.S_ISREG(status.st_mode))
        self.assertTrue(os.path.stat.S_ISDIR(self.calls.lstat("/app/folder").st_mode))

    def test_access(self):
        self.assertTrue(self.calls.access("/app/a", os.R_OK))
        self.assertFalse(self.calls.access("/app/a", os.W_OK))
        self.assertFalse(self.calls.access("/app/nothing", os.F_OK))
        self.assertTrue(self.calls.access("/tmp", os.W_OK))

    def test_directories(self):
        self.assertEqual(self.calls.listdir("/app"), ["a", "folder"])
        self.assertEqual(self.calls.listdir(b"/app/folder"), [b"b"])
        with self.calls.scandir("/app") as entries:
            found = [
                (entry.name, entry.path, entry.is_dir(), entry.is_file(), entry.stat().st_size) for entry in entries
            ]
        self.assertEqual(found, [("a", "/app/a", False, True, 3), ("folder", "/app/folder", True, False, 0)])
        with self.assertRaises(NotADirectoryError):
            self.calls.listdir("/app/a")

    def test_everything_but_tmp_is_read_only(self):
        attempts = [
            lambda: self.open("/app/new", "w"), lambda: self.open("/app/a", "r+"), lambda: self.calls.unlink("/app/a"),
            lambda: self.calls.mkdir("/app/new"), lambda: self.calls.rename("/app/a", "/tmp/a"),
            lambda: self.calls.rmdir("/tmp"), lambda: self.calls.utime("/app/a"), lambda: self.calls.chmod("/app/a", 0),
        ]  # fmt: skip
        for attempt in attempts:
            with self.assertRaisesRegex(OSError, "below /tmp only"):
                attempt()
        self.assertEqual(self.open("/app/a").read(), "abc")

    def test_tmp_can_be_written(self):
        self.calls.mkdir("/tmp/d")
        with self.open("/tmp/d/f", "w") as stream:
            stream.write("é\n")
        self.assertEqual(self.open("/tmp/d/f", "rb").read(), "é\n".encode())
        with self.open("/tmp/d/f", "a") as stream:
            stream.write("more")
        self.calls.rename("/tmp/d/f", "/tmp/g")
        self.assertEqual(self.open("/tmp/g", newline="").readlines(), ["é\n", "more"])
        self.calls.chmod("/tmp/g", 0o600)
        self.assertEqual(self.calls.stat("/tmp/g").st_mode & 0o777, 0o600)
        self.calls.utime("/tmp/g", (1, 2))
        self.assertEqual(self.calls.stat("/tmp/g").st_mtime, 2)
        self.calls.unlink("/tmp/g")
        self.calls.rmdir("/tmp/d")
        self.assertEqual(self.calls.listdir("/tmp"), [])

    def test_errors_are_the_systems(self):
        self.calls.mkdir("/tmp/d")
        self.calls.mkdir("/tmp/d/e")
        for attempt, error in (
            (lambda: self.calls.mkdir("/tmp/d"), FileExistsError),
            (lambda: self.calls.mkdir("/tmp/x/y"), FileNotFoundError),
            (lambda: self.open("/tmp/d", "w"), IsADirectoryError),
            (lambda: self.open("/app/folder"), IsADirectoryError),
            (lambda: self.open("/tmp/x", "r"), FileNotFoundError),
            (lambda: self.calls.unlink("/tmp/d"), IsADirectoryError),
        ):
            with self.assertRaises(error):
                attempt()
        with self.assertRaisesRegex(OSError, "not empty"):
            self.calls.rmdir("/tmp/d")
        with self.open("/tmp/f", "x"), self.assertRaises(FileExistsError):
            self.open("/tmp/f", "x")

    def test_modes(self):
        for mode in ("", "rw", "q", "rr", "rbt", "+", "b"):
            with self.assertRaises(ValueError):
                parse_mode(mode)
        with self.assertRaises(ValueError):
            self.open("/app/a", "rb", encoding="utf-8")
        with self.assertRaises(ValueError):
            self.open("/app/a", "r", buffering=0)
        self.assertEqual(self.open("/app/a", "rb", buffering=0).read(), b"abc")
        with self.assertRaises(io.UnsupportedOperation):
            self.open("/app/a").write("x")
        with self.open("/tmp/w", "w") as stream, self.assertRaises(io.UnsupportedOperation):
            stream.read()

    def test_random_access(self):
        with self.open("/tmp/r", "w+b") as stream:
            stream.write(b"hello")
            stream.seek(1)
            stream.write(b"E")
            stream.seek(0)
            self.assertEqual(stream.read(), b"hEllo")
            stream.truncate(2)
            stream.seek(4)
            stream.write(b"x")
            stream.seek(-5, io.SEEK_END)
            self.assertEqual(stream.read(), b"hE\0\0x")
            self.assertEqual(stream.tell(), 5)

    def test_descriptors(self):
        fd = self.calls.open("/tmp/d", os.O_RDWR | os.O_CREAT | os.O_EXCL)
        self.assertEqual(self.calls.write(fd, b"hello"), 5)
        self.assertEqual(self.calls.lseek(fd, 1, os.SEEK_SET), 1)
        self.assertEqual(self.calls.read(fd, 2), b"el")
        self.assertEqual(self.calls.fstat(fd).st_size, 5)
        self.calls.ftruncate(fd, 3)
        self.calls.unlink("/tmp/d")
        with self.open(fd, "rb") as stream:
            stream.seek(0)
            self.assertEqual((stream.fileno(), stream.read()), (fd, b"hel"))
        self.assertEqual(self.calls.open_files, {})


class Loading(unittest.TestCase):
    def test_what_a_guest_has_no_use_for_is_left_out(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in (
                "a.py",
                "data.txt",
                "a.so",
                "a.pyi",
                "__pycache__/a.pyc",
                "test/t.py",
                "locale/x.po",
                "locale/x.mo",
            ):
                path = pathlib.Path(folder, name)
                path.parent.mkdir(exist_ok=True)
                path.write_text(name)
            made = Tree()
            load(made, folder, "/app")
            self.assertEqual(
                [path for path, _ in made.files("/app")],
                ["/app/a.py", "/app/data.txt", "/app/locale/x.mo", "/app/test/t.py"],
            )
            load(made, folder, "/python", library=True)
            self.assertEqual([path for path, _ in made.files("/python")], ["/python/a.py"])


class Installed(unittest.TestCase):
    """In another interpreter, whose functions can be replaced."""

    def run_python(self, code):
        prologue = """
            import os, sys
            import wasgi.files
            made = wasgi.files.Tree()
            made.add("/memory/package/__init__.py", b"value = 7\\ndef fail():\\n    raise ValueError('here')\\n", 1.0)
            made.add("/memory/package/sub.py", b"from . import value", 1.0)
            made.add("/memory/package/data/page.html", b"<p>", 1.0)
            made.add("/memory/thing-1.2.dist-info/METADATA", b"Name: thing\\nVersion: 1.2\\n", 1.0)
            before = wasgi.files.install(made)
            if hasattr(os, "listxattr"):
                del os.listxattr  # WASI has none
            sys.dont_write_bytecode = True
            sys.path.insert(0, "/memory")
        """
        code = textwrap.dedent(prologue) + textwrap.dedent(code)
        environment = {"PYTHONPATH": sys.path[0], "PATH": os.environ["PATH"]}
        done = subprocess.run(
            [sys.executable, "-S", "-c", code], capture_output=True, text=True, env=environment, check=False
        )
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        return done.stdout.split()

    def test_modules_are_imported_and_their_sources_shown(self):
        out = self.run_python("""
            import package.sub, traceback
            print(package.sub.value, package.__file__)
            try:
                package.fail()
            except ValueError:
                print("raise ValueError('here')" in traceback.format_exc())
        """)
        self.assertEqual(out, ["7", "/memory/package/__init__.py", "True"])

    def test_resources_and_metadata_are_found(self):
        out = self.run_python("""
            import importlib.resources, importlib.metadata, pkgutil
            print(importlib.resources.files("package").joinpath("data", "page.html").read_text())
            print(pkgutil.get_data("package", "data/page.html").decode())
            print(importlib.metadata.version("thing"))
            import package
            print([m.name for m in pkgutil.iter_modules(package.__path__)])
        """)
        self.assertEqual(out, ["<p>", "<p>", "1.2", "['sub']"])

    def test_os_path_pathlib_glob_and_shutil(self):
        out = self.run_python("""
            import pathlib, glob, shutil
            print(os.path.isdir("/memory"), os.path.isfile("/memory/package/sub.py"), os.path.exists("/memory/no"))
            print(sorted(p.name for p in pathlib.Path("/memory/package").rglob("*.*")))
            print(glob.glob("/memory/**/*.html", recursive=True), os.path.realpath("/memory/../memory/package"))
            shutil.copytree("/memory/package", "/tmp/copy")
            print(sorted(os.listdir("/tmp/copy")))
            shutil.rmtree("/tmp/copy")
            print(os.listdir("/tmp"))
            os.chdir("/memory")
            print(os.getcwd(), pathlib.Path("package").resolve(), open(file="package/sub.py").read(4))
        """)
        expected = """True True False ['__init__.py', 'page.html', 'sub.py'] ['/memory/package/data/page.html'] /memory/package
            ['__init__.py', 'data', 'sub.py'] [] /memory /memory/package from"""
        self.assertEqual(out, expected.split())

    def test_temporary_files_are_in_memory(self):
        out = self.run_python("""
            import tempfile
            with tempfile.TemporaryFile() as f:
                f.write(b"abc"); f.seek(1); print(f.read().decode(), made.directory("/tmp").entries)
            with tempfile.NamedTemporaryFile("w+") as f:
                f.write("x"); f.flush(); print(f.name.startswith("/tmp/"), open(f.name).read())
            with tempfile.SpooledTemporaryFile(max_size=4) as f:
                f.write(b"more than four"); f.seek(5); print(f.read(4).decode(), f._rolled)
            with tempfile.TemporaryDirectory() as d:
                open(d + "/f", "w").close(); print(os.listdir(d))
            print(list(made.files("/tmp")))
        """)
        self.assertEqual(out, ["bc", "{}", "True", "x", "than", "True", "['f']", "[]"])

    def test_other_paths_are_the_systems(self):
        # Not this file: the project may lie below /tmp, which is in memory.
        out = self.run_python("print(os.path.exists(os.__file__), len(open(os.__file__).read()) > 99, before.__name__)")
        self.assertEqual(out, ["True", "True", "open"])


if __name__ == "__main__":
    unittest.main()
