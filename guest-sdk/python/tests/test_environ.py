"""What an application finds in its environ."""

import io
import unittest
from wsgiref.util import FileWrapper

from wasgi.local import Exchange
from wasgi.wit import InputErrorMalformed, InputErrorTruncated


def seen(body=b"", **options):
    """The environ that an application was called with, after it has run `look` on it."""
    found = {}

    def app(environ, start_response):
        found["environ"] = environ
        found["result"] = options["look"](environ) if "look" in options else None
        start_response("200 OK", [])
        return [b"x"]

    pieces = body if isinstance(body, list) else [body] if body else []
    exchange = Exchange(
        app, "POST", options.get("target", "/"), options.get("variables"), pieces, options.get("input_error")
    ).run()
    return found, exchange


class Environ(unittest.TestCase):
    def test_is_an_exact_dict_of_native_strings_with_pythons_types(self):
        found, _ = seen(target="/caf%C3%A9?q=%20", variables={"HTTP_X": "\xe9", "wsgi.run_once": "true"})
        environ = found["environ"]
        self.assertIs(type(environ), dict)
        self.assertEqual(environ["PATH_INFO"], "/caf\xc3\xa9")
        self.assertEqual(environ["QUERY_STRING"], "q=%20")
        self.assertEqual(environ["HTTP_X"], "\xe9")
        self.assertEqual(seen(target="/a%00b")[0]["environ"]["PATH_INFO"], "/a\0b")
        self.assertEqual(environ["wsgi.version"], (1, 0))
        self.assertIs(environ["wsgi.multithread"], False)
        self.assertIs(environ["wsgi.multiprocess"], True)
        self.assertIs(environ["wsgi.run_once"], True)
        self.assertIs(environ["wsgi.input_terminated"], True)
        self.assertIs(environ["wsgi.file_wrapper"], FileWrapper)
        self.assertNotIn("wasgi.warmup", environ)

    def test_services_are_a_read_only_mapping_under_both_names(self):
        variables = {"wasgi.request_id": "r1", "wasgi.application": "shop", "wasgi.version": "v1"}
        found, _ = seen(variables=variables)
        services = found["environ"]["wasgi.services"]
        self.assertIs(found["environ"]["flows.flow"], services)
        self.assertEqual(list(services.keys()), ["request_id", "application", "version"])
        self.assertEqual(dict(services), {"request_id": "r1", "application": "shop", "version": "v1"})
        with self.assertRaises(TypeError):
            services["request_id"] = "r2"

    def test_the_hooks_have_three_names(self):
        environ = seen()[0]["environ"]
        self.assertIs(environ["evy.posthooks"], environ["wasgi.posthooks"])
        self.assertIs(environ["eventlet.posthooks"], environ["wasgi.posthooks"])


class Input(unittest.TestCase):
    def read(self, look, body=(b"one\ntw", b"o\nthree"), **options):
        return seen(list(body), look=lambda environ: look(environ["wsgi.input"]), **options)[0]["result"]

    def test_read(self):
        self.assertEqual(self.read(lambda i: i.read()), b"one\ntwo\nthree")
        self.assertEqual(
            self.read(lambda i: (i.read(2), i.read(6), i.read(99), i.read(1))), (b"on", b"e\ntwo\n", b"three", b"")
        )
        self.assertEqual(self.read(lambda i: i.read(None)), b"one\ntwo\nthree")
        self.assertEqual(self.read(lambda i: (i.read(0), i.read(-1))), (b"", b"one\ntwo\nthree"))

    def test_lines(self):
        self.assertEqual(
            self.read(lambda i: (i.readline(), i.readline(), i.readline(), i.readline())),
            (b"one\n", b"two\n", b"three", b""),
        )
        self.assertEqual(self.read(lambda i: (i.readline(2), i.readline(-1))), (b"on", b"e\n"))
        self.assertEqual(self.read(lambda i: i.readlines()), [b"one\n", b"two\n", b"three"])
        self.assertEqual(self.read(lambda i: i.readlines(4)), [b"one\n", b"two\n"])
        self.assertEqual(self.read(lambda i: list(i)), [b"one\n", b"two\n", b"three"])
        self.assertEqual(self.read(lambda i: next(i)), b"one\n")

    def test_mixed_reads_are_coherent(self):
        self.assertEqual(
            self.read(lambda i: (i.read(1), i.readline(), next(i), i.read())), (b"o", b"ne\n", b"two\n", b"three")
        )

    def test_it_can_be_wrapped(self):
        text = self.read(lambda i: io.TextIOWrapper(i, "utf-8").read(), body=["é\n".encode()])
        self.assertEqual(text, "é\n")
        self.assertEqual(self.read(lambda i: i.read1(3)), b"one")

    def test_nothing_is_read_that_is_not_asked_for(self):
        asked = []

        def look(environ):
            environ["wsgi.input"]._environ.input = lambda size: asked.append(size) or b""

        seen([b"x"], look=look)
        self.assertEqual(asked, [])

    def test_a_client_that_stops_is_an_error_each_time(self):
        def look(stream):
            first = stream.readline()
            errors = []
            for read in (stream.read, stream.readline, stream.readlines, lambda: next(stream)):
                with self.assertRaises(OSError) as caught:
                    read()
                errors.append(str(caught.exception))
            return first, errors

        first, errors = self.read(look, body=[b"one\n"], input_error=InputErrorTruncated())
        self.assertEqual(first, b"one\n")
        self.assertEqual(errors, ["the client stopped sending before the body's end"] * 4)

    def test_what_is_malformed_is_said(self):
        def look(stream):
            with self.assertRaisesRegex(OSError, "the body is malformed: no digits"):
                stream.read()

        self.read(look, body=[], input_error=InputErrorMalformed("no digits"))

    def test_after_its_request_it_is_closed(self):
        found, _ = seen()
        with self.assertRaises(ValueError):
            found["environ"]["wsgi.input"].read()
        for body in ([b"a"], [b"abcdef"]):
            found, _ = seen(list(body), look=lambda environ: environ["wsgi.input"].read(1))
            with self.assertRaises(ValueError):
                found["environ"]["wsgi.input"].read(100_000)


class Errors(unittest.TestCase):
    def logged(self, write):
        return seen(look=lambda environ: write(environ["wsgi.errors"]))[1].environ.logged

    def test_lines_are_whole(self):
        self.assertEqual(self.logged(lambda e: print("a", 1, file=e)), ["a 1"])
        self.assertEqual(self.logged(lambda e: e.writelines(["x\n", "y\nz"])), ["x", "y", "z"])

    def test_a_flush_sends_what_there_is(self):
        self.assertEqual(self.logged(lambda e: (e.write("half"), e.flush(), e.write(" line\n"))), ["half", " line"])

    def test_what_is_no_unicode_is_shown_escaped(self):
        self.assertEqual(self.logged(lambda e: e.write("ü \ud800\n")), ["ü \\ud800"])

    def test_bytes_are_refused(self):
        def write(errors):
            with self.assertRaises(TypeError):
                errors.write(b"x")

        self.assertEqual(self.logged(write), [])

    def test_after_its_request_it_writes_to_stderr(self):
        found, exchange = seen()
        import contextlib

        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            found["environ"]["wsgi.errors"].write("late\n")
        self.assertEqual(stderr.getvalue(), "late\n")
        self.assertEqual(exchange.environ.logged, [])


if __name__ == "__main__":
    unittest.main()
