"""The made-up parts of the guest's CPython, held against the real ones that this interpreter has."""

import hashlib
import importlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import types
import unittest
import uuid
from unittest import mock

from wasgi import handles, randomness
from wasgi.holes import asyncio as loops
from wasgi.holes import hashing, nesting, network, processes, sqlite, stubs, system, threads
from wasgi.holes.importing import Finder


class Hashing(unittest.TestCase):
    def test_pbkdf2_is_hashlibs(self):
        for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "SHA256"):
            for length in (None, 1, 20, 64, 100):
                arguments = (name, b"password", b"salt", 5, length)
                self.assertEqual(hashing.pbkdf2_hmac(*arguments), hashlib.pbkdf2_hmac(*arguments))
        self.assertEqual(
            hashing.pbkdf2_hmac("sha256", bytearray(b"p" * 200), memoryview(b"s"), 2),
            hashlib.pbkdf2_hmac("sha256", b"p" * 200, b"s", 2),
        )

    def test_scrypt_is_hashlibs(self):
        for options in (
            {"n": 2, "r": 1, "p": 1},
            {"n": 16, "r": 8, "p": 2, "dklen": 100},
            {"n": 64, "r": 3, "p": 3, "dklen": 1},
        ):
            for password, salt in ((b"", b""), (b"password", b"NaCl" * 20)):
                self.assertEqual(
                    hashing.scrypt(password, salt=salt, **options), hashlib.scrypt(password, salt=salt, **options)
                )

    def test_wrong_arguments_are_errors(self):
        for call in (
            lambda: hashing.pbkdf2_hmac("sha256", b"", b"", 0),
            lambda: hashing.pbkdf2_hmac("sha256", b"", b"", 1, 0),
            lambda: hashing.pbkdf2_hmac("nothing", b"", b"", 1),
            lambda: hashing.scrypt(b"", salt=b"", n=3, r=1, p=1),
            lambda: hashing.scrypt(b"", salt=b"", n=2, r=0, p=1),
            lambda: hashing.scrypt(b"", salt=b"", n=1 << 15, r=8, p=1),
        ):
            with self.assertRaises(ValueError):
                call()
        for call in (
            lambda: hashing.pbkdf2_hmac(b"sha256", b"", b"", 1),
            lambda: hashing.pbkdf2_hmac("sha256", "text", b"", 1),
        ):
            with self.assertRaises(TypeError):
                call()

    def test_what_is_there_stays(self):
        module = types.SimpleNamespace(scrypt=1)
        hashing.patch(module)
        self.assertEqual((module.scrypt, module.pbkdf2_hmac), (1, hashing.pbkdf2_hmac))


class Nesting(unittest.TestCase):
    def test_depth_counts_brackets_outside_of_strings(self):
        for text, depth in (
            ("", 0),
            ("1", 0),
            ('[{"a": []}, []]', 3),
            ('["]]]", ["]", [', 3),
            (r'["\"]', 1),
            (r'["\"]]]", [', 2),
            ('["\\n]', 1),
        ):
            self.assertEqual(nesting.depth(text), depth, text)

    def test_what_has_no_end_takes_no_more_time_than_what_has(self):
        for text in ('"' * 300_000, '"\\' * 150_000, "[" * 300_000, '["' * 150_000):
            nesting.depth(text)

    def test_only_what_is_nested_too_deep_is_refused(self):
        module = types.SimpleNamespace(_default_decoder=json.JSONDecoder())
        scanner = mock.Mock(make_scanner=json.scanner.make_scanner)
        with mock.patch.dict(sys.modules, {"json.scanner": scanner}):
            nesting.patch(module)
        made = scanner.make_scanner(json.JSONDecoder())
        for scan in (module._default_decoder.scan_once, made):
            flat = json.dumps([[{"a": "]"}]] * 2000)
            self.assertEqual(scan(flat, 0), (json.loads(flat), len(flat)))
            for bracket in "[", '{"a":':
                with self.assertRaises(RecursionError):
                    scan(bracket * 1001, 0)


class SQLite(unittest.TestCase):
    def setUp(self):
        self.module = types.SimpleNamespace(
            connect=sqlite3.connect, OperationalError=sqlite3.OperationalError, dbapi2=types.SimpleNamespace()
        )
        sqlite.patch(self.module)

    def test_memory_works(self):
        for name in (":memory:", "", "file:x?mode=memory&cache=shared", "file::memory:"):
            connection = self.module.connect(name, uri=name.startswith("file:"))
            self.assertEqual(connection.execute("select 1").fetchall(), [(1,)])
            connection.close()

    def test_a_file_is_refused_in_words(self):
        for name in ("db.sqlite3", b"x", "/tmp/x", "file:x"):
            with self.assertRaisesRegex(sqlite3.OperationalError, "':memory:' works"):
                self.module.connect(name)

    def test_random_numbers_are_the_systems(self):
        connection = self.module.connect(":memory:")
        seen = {connection.execute("select random(), hex(randomblob(4)), randomblob(0)").fetchone() for _ in range(4)}
        connection.close()
        self.assertEqual(len(seen), 4)
        for number, blob, none in seen:
            self.assertTrue(-(1 << 63) <= number < 1 << 63)
            self.assertEqual((len(blob), len(none)), (8, 1))


class Refusals(unittest.TestCase):
    def test_threads_name_the_alternative(self):
        with self.assertRaisesRegex(RuntimeError, "wasgi.posthooks"):
            threads.refuse(print, ())

    def test_threads_are_refused_through_threading(self):
        code = """if 1:
            import threading, concurrent.futures
            from wasgi.holes import threads
            threads.install()
            pool = concurrent.futures.ThreadPoolExecutor()
            thread, timer = threading.Thread(target=print), threading.Timer(1, print)
            for start in (thread.start, timer.start, lambda: pool.submit(print)):
                try: start()
                except RuntimeError as error: print("can't start a thread: a component has one." in str(error))
            with threading.Lock(), threading.RLock(): print(threading.local(), threading.current_thread().name)
        """
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": sys.path[0]}, check=False
        )
        self.assertEqual(done.stdout.splitlines()[:3], ["True"] * 3, done.stderr)
        self.assertIn("MainThread", done.stdout)

    def test_processes(self):
        class Popen:
            pass

        module = types.SimpleNamespace(Popen=Popen)
        processes.patch_subprocess(module)
        with self.assertRaisesRegex(OSError, "can't start processes"):
            module.Popen(["ls"])

    def test_the_network(self):
        import socket

        module = types.SimpleNamespace(
            socket=type("socket", (), {}), gaierror=socket.gaierror, EAI_FAIL=socket.EAI_FAIL
        )
        network.patch(module)
        with self.assertRaisesRegex(PermissionError, "reaches no network"):
            module.socket().connect(("127.0.0.1", 80))
        with self.assertRaisesRegex(socket.gaierror, "reaches no network"):
            module.getaddrinfo("localhost", 80)


class Stubs(unittest.TestCase):
    def filled(self, fill, name):
        module = types.ModuleType(name)
        modules = mock.patch.dict(sys.modules)
        modules.start()
        self.addCleanup(modules.stop)
        fill(module)
        return module

    def test_ssl_can_be_asked_for_everything_and_wraps_nothing(self):
        module = self.filled(stubs.ssl, "ssl")
        context = module.create_default_context()
        context.check_hostname = True
        context.load_verify_locations("x")
        with self.assertRaisesRegex(OSError, "no TLS in a component"):
            context.wrap_socket(None)
        with self.assertRaises(module.SSLError):
            module.SSLSocket()
        self.assertTrue(issubclass(module.SSLCertVerificationError, OSError))
        self.assertEqual((module.CERT_REQUIRED, module.TLSVersion.TLSv1_2), (2, 771))

    def test_ctypes_can_be_used_for_declarations(self):
        module = self.filled(stubs.ctypes, "ctypes")

        class Point(module.Structure):
            _fields_ = [("x", module.c_int), ("y", module.c_char * 4)]

        for use in (Point, lambda: module.CDLL("libc.so.6"), lambda: module.c_int(1)):
            with self.assertRaisesRegex(OSError, "no native code"):
                use()
        self.assertIsNone(module.util.find_library("c"))


class Importing(unittest.TestCase):
    def setUp(self):
        self.finder = Finder()
        self.addCleanup(sys.meta_path.remove, self.finder)

    def test_a_module_is_changed_when_it_is_imported(self):
        import colorsys  # any module that nobody needs

        self.finder.after("colorsys", lambda module: setattr(module, "changed", 1))
        self.finder.install()
        self.assertEqual(colorsys.changed, 1)
        del sys.modules["colorsys"]
        self.finder._after["colorsys"] = lambda module: setattr(module, "changed", 2)
        again = importlib.import_module("colorsys")
        self.assertEqual(again.changed, 2)
        self.assertIn("def rgb_to_yiq", again.__loader__.get_source("colorsys"))

    def test_a_stand_in_is_filled(self):
        self.finder.instead("nothing_there", lambda module: setattr(module, "value", 7))
        self.finder.install()
        self.assertEqual(importlib.import_module("nothing_there").value, 7)
        with self.assertRaises(ModuleNotFoundError):
            importlib.import_module("nothing_else")


class System(unittest.TestCase):
    def test_what_is_there_stays(self):
        before = (os.getuid, os.kill)
        code = (
            "import os; from wasgi.holes import system; system.install(); print(type(os.getuid).__name__); os._exit(3)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": sys.path[0]}, check=False
        )
        self.assertEqual((done.stdout, done.returncode), ("builtin_function_or_method\n", 3))
        self.assertEqual(before, (os.getuid, os.kill))

    def test_umask_gives_the_one_before(self):
        umask = system.Umask()
        self.assertEqual((umask(0o077), umask(0o022)), (0o022, 0o077))

    def test_exit_is_an_exception(self):
        with self.assertRaises(SystemExit) as caught:
            system._exit(3)
        self.assertEqual(caught.exception.code, 3)


class Loops(unittest.TestCase):
    def test_coroutines_run_and_sleep(self):
        code = """if 1:
            import asyncio
            from wasgi.holes import asyncio as loops
            loops.patch(asyncio)
            async def one(n):
                await asyncio.sleep(0.01 * n)
                return n
            async def main():
                async with asyncio.timeout(1):
                    return await asyncio.gather(one(2), one(1))
            print(asyncio.run(main()), type(asyncio.new_event_loop()).__module__)
            async def stuck():
                await asyncio.get_running_loop().create_future()
            try: asyncio.run(stuck())
            except RuntimeError as error: print(error)
        """
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": sys.path[0]}, check=False
        )
        lines = done.stdout.splitlines()
        self.assertEqual(lines[:1], ["[2, 1] wasgi.holes.asyncio"], done.stderr)
        self.assertIn("waits for something that can't happen", lines[1])
        self.assertTrue(callable(loops.patch))


class Randomness(unittest.TestCase):
    def test_generators_that_seeded_themselves_are_seeded_anew(self):
        seed = random.Random.seed
        self.addCleanup(setattr, random.Random, "seed", seed)
        randomness.record()
        own, fixed = random.Random(), random.Random(7)
        states = own.getstate(), fixed.getstate()
        uuid._node = 1
        randomness.wake()
        self.assertNotEqual(own.getstate(), states[0])
        self.assertEqual(fixed.getstate(), states[1])
        self.assertIsNone(uuid._node)
        own.seed(3)
        state = own.getstate()
        randomness.wake()
        self.assertEqual(own.getstate(), state)


class Handles(unittest.TestCase):
    def test_finalize_is_replaced_and_given_back(self):
        import weakref

        before = weakref.finalize
        handles.take_over()
        instance = types.SimpleNamespace()
        dropped = []
        instance.finalizer = weakref.finalize(instance, lambda kind, handle: dropped.append((kind, handle)), 3, 9)
        handles.give_back()
        self.assertIs(weakref.finalize, before)
        handles.drop(instance)
        handles.drop(types.SimpleNamespace())
        self.assertEqual(dropped, [(3, 9)])


if __name__ == "__main__":
    unittest.main()
