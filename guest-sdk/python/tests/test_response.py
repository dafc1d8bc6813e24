"""start_response, write, the iterable and its end."""

import os
import sys
import unittest
from unittest import mock
from wsgiref.validate import validator

from wasgi import body, handles, standard
from wasgi.local import Exchange
from wasgi.wit import Err, StartErrorInvalid, StepDone, StepLast, StepMore, WriteErrorClosed

OK = ("200 OK", [("Content-Type", "text/plain")])


def run(app, **options):
    return Exchange(app, **options).run()


def answers(result):
    """An application that answers with an iterable."""

    def app(environ, start_response):
        start_response(*OK)
        return result

    return app


class Chunks:
    """An iterable that notes when it is closed."""

    def __init__(self, chunks, length=None):
        self.chunks, self.length, self.closed = chunks, length, 0

    def __iter__(self):
        for chunk in self.chunks:
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk

    def close(self):
        self.closed += 1


class Sized(Chunks):
    def __len__(self):
        return len(self.chunks)


class Iterables(unittest.TestCase):
    def test_one_chunk_is_the_last_in_the_first_step(self):
        for result in ([b"x"], (b"x",), Sized([b"x"]), {b"x"}, {b"x": 1}):
            self.assertEqual(run(answers(result)).steps, [StepLast(b"x")], result)

    def test_the_last_of_several_is_known_by_len(self):
        self.assertEqual(run(answers([b"x", b"y"])).steps, [StepMore(b"x"), StepLast(b"y")])

    def test_without_len_the_end_is_asked_for(self):
        self.assertEqual(run(answers(iter([b"x"]))).steps, [StepMore(b"x"), StepDone()])
        self.assertEqual(run(answers(c for c in [b"x"])).steps, [StepMore(b"x"), StepDone()])

    def test_nothing_is_done_at_once(self):
        for result in ([], (), iter(()), Sized([])):
            self.assertEqual(run(answers(result)).steps, [StepDone()], result)

    def test_empty_chunks_are_passed_on(self):
        self.assertEqual(run(answers([b"", b"x", b""])).steps, [StepMore(b""), StepMore(b"x"), StepLast(b"")])

    def test_bytes_are_an_iterable_of_wrong_chunks(self):
        exchange = run(answers(b"abc"))
        self.assertEqual(exchange.failure.kind, "AssertionError")

    def test_the_iterator_is_asked_for_once(self):
        class Resets:
            def __iter__(self):
                self.left = [b"x", b"y"]
                return self

            def __next__(self):
                if not self.left:
                    raise StopIteration
                return self.left.pop(0)

        class Next:
            __next__ = Resets.__next__

        class Apart:
            def __iter__(self):
                apart = Next()
                apart.left = [b"x", b"y"]
                return apart

        for result in (Resets(), Apart()):
            exchange = Exchange(answers(result)).run(chunks=5)
            self.assertEqual(exchange.steps, [StepMore(b"x"), StepMore(b"y"), StepDone()], result)

    def test_a_len_that_is_refused_is_an_unknown_one(self):
        for error in (TypeError, AttributeError, NotImplementedError):

            class Unknown(Chunks):
                def __len__(self, error=error):
                    raise error

            self.assertEqual(run(answers(Unknown([b"x"]))).steps, [StepMore(b"x"), StepDone()], error)

        class Negative(Chunks):
            def __len__(self):
                return -1

        self.assertEqual(run(answers(Negative([b"x"]))).failure.kind, "ValueError")

    def test_a_chunk_is_made_when_it_is_asked_for(self):
        made = []

        def chunks():
            for n in range(3):
                made.append(n)
                yield b"%d" % n

        exchange = Exchange(answers(chunks()))
        self.assertEqual(made, [])
        exchange.body.next()
        self.assertEqual(made, [0])
        exchange.finish()
        self.assertEqual(made, [0])

    def test_start_response_may_come_with_the_first_chunk(self):
        def app(environ, start_response):
            start_response(*OK)
            yield b"late"

        self.assertEqual(run(app).content, b"late")


class Refusals(unittest.TestCase):
    """Each is the error that wsgiref raises, and none of them is more than a failed request."""

    def failure(self, app):
        failure = run(app).failure
        return f"{failure.kind}: {failure.message}"

    def test_of_results(self):
        self.assertEqual(self.failure(answers(None)), "TypeError: 'NoneType' object is not iterable")
        self.assertEqual(self.failure(answers(7)), "TypeError: 'int' object is not iterable")

    def test_of_chunks(self):
        for chunk in ("text", None, 7, bytearray(b"x"), memoryview(b"x"), [b"x"]):
            message = "AssertionError: write() argument must be a bytes instance"
            self.assertEqual(self.failure(answers([chunk])), message)
            self.assertEqual(self.failure(answers(iter([chunk]))), message)

    def test_of_start_responses_arguments(self):
        cases = [
            ((200, []), "AssertionError: Status must be of type str (got 200)"),
            ((b"200 OK", []), "AssertionError: Status must be of type str (got b'200 OK')"),
            (("200 OK", None), "TypeError: Headers should be a list of name/value tuples"),
            (("200 OK", (("a", "b"),)), "TypeError: Headers should be a list of name/value tuples"),
            (("200 OK", [("a", 1)]), "AssertionError: Header value must be of type str (got 1)"),
            (("200 OK", [(b"a", "1")]), "AssertionError: Header name must be of type str (got b'a')"),
            (("200 OK", ["abc"]), "ValueError: too many values to unpack (expected 2"),
            (("200 OK", [7]), "TypeError: cannot unpack non-iterable int object"),
            (("200 \u20ac", []), "UnicodeEncodeError: "),
            (("200 OK", [("a", "\ud800")]), "UnicodeEncodeError: "),
        ]
        for arguments, message in cases:

            def app(environ, start_response, arguments=arguments):
                start_response(*arguments)
                return []

            self.assertTrue(self.failure(app).startswith(message), (self.failure(app), message))

    def test_pairs_that_are_no_tuples_are_taken(self):
        def app(environ, start_response):
            start_response("200 OK", [["a", "b"], ("c", "\xe9")])
            return []

        self.assertEqual(run(app).start_response.headers, [("a", "b"), ("c", "\xe9")])

    def test_of_the_host_is_an_assertion(self):
        def app(environ, start_response):
            def call(*_):
                raise Err(StartErrorInvalid("Hop-by-hop header"))

            start_response._handle.call = call
            start_response(*OK)

        self.assertEqual(self.failure(app), "AssertionError: Hop-by-hop header")

    def test_of_a_second_call(self):
        def app(environ, start_response):
            start_response(*OK)
            start_response(*OK)

        self.assertEqual(self.failure(app), "AssertionError: Headers already set!")

    def test_of_write(self):
        def app(environ, start_response):
            start_response(*OK)("text")

        self.assertEqual(self.failure(app), "AssertionError: write() argument must be a bytes instance")


class Failures(unittest.TestCase):
    def test_everything_that_can_be_raised_is_a_failed_request(self):
        for error in (
            ValueError("no"),
            SystemExit(3),
            KeyboardInterrupt(),
            GeneratorExit(),
            BaseExceptionGroup("g", [OSError()]),
        ):

            def app(environ, start_response, error=error):
                raise error

            self.assertEqual(run(app).failure.kind.rpartition(".")[2], type(error).__name__)
            self.assertEqual(run(answers(Chunks([b"x", error]))).failure.kind, type(error).__name__)

    def test_the_trace_begins_in_the_application_and_has_source_lines(self):
        def app(environ, start_response):
            raise ValueError("no\nway")

        failure = run(app).failure
        self.assertEqual((failure.kind, failure.message), ("ValueError", "no\nway"))
        lines = failure.trace.splitlines()
        self.assertEqual(lines[0], "Traceback (most recent call last):")
        self.assertIn(f'File "{__file__}"', lines[1])
        self.assertIn('raise ValueError("no\\nway")', lines[2])

    def test_causes_and_notes_are_told(self):
        def app(environ, start_response):
            try:
                raise KeyError("first")
            except KeyError as error:
                second = RuntimeError("second")
                second.add_note("a note")
                raise second from error

        failure = run(app).failure
        self.assertIn("KeyError: 'first'", failure.trace)
        self.assertEqual((failure.kind, failure.message), ("RuntimeError", "second\na note"))

    def test_an_error_that_cant_be_told_is_one_all_the_same(self):
        class Mute(Exception):
            def __str__(self):
                raise ValueError

        def app(environ, start_response):
            raise Mute

        self.assertIn("Mute", run(app).failure.kind)

    def test_so_is_one_whose_notes_or_traceback_cant_be_had(self):
        class Notes(Exception):
            @property
            def __notes__(self):
                raise ValueError

        class Endless(Exception):
            def __str__(self):
                return self.__str__()

        def app(environ, start_response):
            raise kind

        for kind in (Notes, Endless):
            self.assertEqual(run(app).failure.kind.rpartition(".")[2], kind.__name__)
        with mock.patch("traceback.TracebackException", side_effect=MemoryError):
            failure = run(app).failure
        self.assertEqual((failure.kind, failure.message), ("Endless", "no more can be said of it: MemoryError"))

    def test_a_surrogate_in_a_message_is_escaped(self):
        def app(environ, start_response):
            raise ValueError("\ud800")

        self.assertEqual(run(app).failure.message, "\\ud800")


class ExcInfo(unittest.TestCase):
    def test_before_the_headers_it_replaces_both(self):
        def app(environ, start_response):
            start_response(*OK)
            try:
                raise ValueError("no")
            except ValueError:
                start_response("500 Oops", [("X", "y")], sys.exc_info())
            return [b"sorry"]

        response = run(app).start_response
        self.assertEqual((response.status, response.headers), ("500 Oops", [("X", "y")]))
        self.assertEqual([error.kind for error in response.errors], ["ValueError"])
        self.assertIn('raise ValueError("no")', response.errors[0].trace)

    def test_during_iteration(self):
        def app(environ, start_response):
            start_response(*OK)
            try:
                raise ValueError("no")
            except ValueError:
                start_response("500 Oops", [], sys.exc_info())
            yield b"sorry"

        self.assertEqual(run(app).start_response.status, "500 Oops")

    def test_after_the_headers_it_is_raised_again(self):
        error = ValueError("no")

        def app(environ, start_response):
            start_response(*OK)
            yield b"begun"
            try:
                raise error
            except ValueError:
                try:
                    start_response("500 Oops", [], sys.exc_info())
                except ValueError as raised:
                    assert raised is error
                    raise

        exchange = run(app)
        self.assertEqual((exchange.failure.kind, exchange.failure.message), ("ValueError", "no"))
        self.assertEqual(exchange.start_response.status, "200 OK")

    def test_of_nothing_is_no_trap(self):
        def app(environ, start_response):
            start_response("200 OK", [], (None, None, None))
            return [b"x"]

        self.assertEqual(run(app).content, b"x")


class Write(unittest.TestCase):
    def test_its_bytes_come_first(self):
        def app(environ, start_response):
            write = start_response(*OK)
            write(b"a")
            write(b"b")
            return [b"c"]

        self.assertEqual(run(app).start_response.sent, [b"a", b"b", b"c"])

    def test_a_client_that_left_is_an_error(self):
        def app(environ, start_response):
            write = start_response(*OK)

            def closed(_):
                raise Err(WriteErrorClosed())

            start_response._handle.write = closed
            with self.assertRaises(OSError):
                write(b"x")
            return []

        self.assertIsNone(run(app).failure)

    def test_after_the_request_nothing_reaches_the_host(self):
        kept = []

        def app(environ, start_response):
            kept.extend([start_response, start_response(*OK)])
            return [b"x"]

        run(app)
        with self.assertRaisesRegex(AssertionError, "after its request"):
            kept[0](*OK)
        with self.assertRaisesRegex(AssertionError, "after its request"):
            kept[1](b"x")


class Close(unittest.TestCase):
    def test_is_called_once_whatever_happened(self):
        for chunks in ([b"x"], [], [b"x", ValueError()], ["wrong"]):
            for kind in (Chunks, Sized):
                result = kind(chunks)
                run(answers(result))
                self.assertEqual(result.closed, 1, chunks)

    def test_before_the_end_as_well(self):
        result = Chunks([b"x", b"y"])
        exchange = Exchange(answers(result))
        exchange.body.next()
        exchange.finish()
        self.assertEqual(result.closed, 1)

    def test_of_a_generator_runs_its_finally(self):
        ended = []

        def app(environ, start_response):
            start_response(*OK)
            try:
                yield b"x"
                yield b"y"
            finally:
                ended.append(True)

        exchange = Exchange(app)
        exchange.body.next()
        exchange.finish()
        self.assertEqual(ended, [True])

    def test_its_error_is_logged(self):
        class Bad(Chunks):
            def close(self):
                raise SystemExit("in close")

        exchange = run(answers(Bad([b"x"])))
        self.assertTrue(exchange.environ.logged[0].startswith("Traceback"))
        self.assertTrue(exchange.environ.logged[0].endswith("close() failed: SystemExit: in close"))

    def test_one_that_cant_be_had_is_an_error_that_is_logged(self):
        class Bad(Chunks):
            @property
            def close(self):
                raise RuntimeError("no close")

        exchange = run(answers(Bad([b"x"])))
        self.assertTrue(exchange.environ.logged[0].endswith("close() failed: RuntimeError: no close"))
        self.assertEqual(exchange.content, b"x")

    def test_a_log_that_takes_nothing_ends_no_request(self):
        ran = []

        class Bad(Chunks):
            def close(self):
                raise ValueError

        def app(environ, start_response):
            def full(text):
                raise MemoryError

            def hook(environ):
                ran.append(True)
                raise ValueError

            environ["wsgi.errors"].write("no newline")
            environ["wsgi.errors"]._environ.log = full
            environ["wasgi.posthooks"] += [(hook, (), {}), (hook, (), {})]
            start_response(*OK)
            return Bad([b"x"])

        self.assertEqual(run(app).content, b"x")
        self.assertEqual(ran, [True, True])

    def test_a_body_is_the_next_requests_and_holds_nothing(self):
        exchange = run(answers([b"x"]))
        self.assertEqual(vars(exchange.body), {})
        self.assertIs(Exchange(answers([b"x"])).body, exchange.body)
        self.assertNotIn(exchange.body, body.spare)


class Hooks(unittest.TestCase):
    def test_run_in_order_with_what_was_sent(self):
        seen = []

        def app(environ, start_response):
            def hook(env, *args, **kwargs):
                seen.append((args, kwargs, env["wasgi.bytes_sent"], env["wasgi.complete"], env["wasgi.elapsed"]))
                self.assertIs(env, environ)

            environ["wasgi.posthooks"].append((hook, (1,), {}))
            environ["evy.posthooks"].append((hook, (), {"a": 2}))
            environ["eventlet.posthooks"].append((hook, [3], {}))
            start_response(*OK)
            return [b"abc"]

        run(app)
        self.assertEqual(seen, [((1,), {}, 3, True, 1e-6), ((), {"a": 2}, 3, True, 1e-6), ((3,), {}, 3, True, 1e-6)])

    def test_after_close_and_after_a_failure(self):
        seen = []

        def app(environ, start_response):
            environ["wasgi.posthooks"].append((lambda env: seen.append(env["wasgi.complete"]), (), {}))
            raise ValueError

        run(app)
        self.assertEqual(seen, [False])

    def test_all_run_though_one_fails(self):
        seen = []

        def app(environ, start_response):
            def bad(env):
                raise SystemExit("bad hook")

            hooks = environ["wasgi.posthooks"]
            hooks += [(bad, (), {}), "no hook", (lambda env: seen.append(1), (), {})]
            start_response(*OK)
            return []

        exchange = run(app)
        self.assertEqual(seen, [1])
        self.assertEqual(len(exchange.environ.logged), 2)
        self.assertTrue(exchange.environ.logged[0].endswith("posthook failed: SystemExit: bad hook"))

    def test_may_write_to_the_log(self):
        def app(environ, start_response):
            environ["wasgi.posthooks"].append((lambda env: env["wsgi.errors"].write("from the hook\n"), (), {}))
            start_response(*OK)
            return []

        self.assertEqual(run(app).environ.logged, ["from the hook"])


class Printed(unittest.TestCase):
    """What goes to stdout and stderr, here a pipe's two ends."""

    def setUp(self):
        self.source, sink = os.pipe()
        self.addCleanup(os.close, self.source)
        self.addCleanup(os.close, sink)
        os.set_blocking(self.source, False)
        for name in ("stdout", "stderr"):
            toolchains = mock.Mock(fileno=lambda: sink, encoding="utf-8", errors="strict")
            for each in (name, f"__{name}__"):
                patched = mock.patch.object(sys, each, toolchains)
                patched.start()
                self.addCleanup(patched.stop)
        standard.install()

    def printed(self, say, hook=lambda environ: None):
        def app(environ, start_response):
            environ["wasgi.posthooks"].append((hook, (), {}))
            start_response(*OK)
            say()
            return []

        self.assertIsNone(run(app).failure)
        try:
            return os.read(self.source, 1000)
        except BlockingIOError:
            return b""

    def test_ends_with_its_request(self):
        for say in (
            lambda: print("a", end=""),
            lambda: print("a", end="", flush=True),
            lambda: print("a"),
            lambda: print("a", end="", file=sys.stderr),
            lambda: sys.stdout.writelines(["a", ""]),
        ):
            self.assertEqual(self.printed(say), b"a\n")
        self.assertEqual(self.printed(lambda: print("a\nb", end="")), b"a\nb\n")
        self.assertEqual(self.printed(lambda: print(end="")), b"")

    def test_and_what_hooks_print_with_them(self):
        self.assertEqual(self.printed(lambda: print("a", end=""), lambda _: print("b", end="")), b"a\nb\n")

    def test_where_an_application_closes_it_or_takes_it_away(self):
        def say():
            print("a", end="")
            sys.stdout = None

        before = sys.stdout
        self.assertEqual(self.printed(say), b"a\n")
        sys.stdout = before
        self.assertEqual(self.printed(lambda: (print("b", end=""), sys.stdout.close())), b"b")
        self.assertEqual(standard.unended, set())


class Room(unittest.TestCase):
    """The look whether there is memory for what is sent."""

    def setUp(self):
        self.looked = []
        patched = mock.patch.object(handles, "_look_for", self.looked.append)
        patched.start()
        self.addCleanup(patched.stop)
        handles.take_over()
        handles.give_back()

    def test_is_taken_for_each_large_chunk(self):
        run(answers([b"x" * 5000, b"x", b"y" * 6000]))
        self.assertEqual(self.looked, [5000, 6000])

    def test_and_for_small_ones_of_all_requests_together(self):
        for _ in range(64):
            run(answers([b"x" * 2048]))
        self.assertTrue(3 <= len(self.looked) <= 4 and set(self.looked) == {handles.RESERVE}, self.looked)

    def test_and_for_those_that_are_written(self):
        def app(environ, start_response):
            write = start_response(*OK)
            for _ in range(3000):
                write(b"")
            return []

        run(app)
        self.assertEqual(self.looked, [handles.RESERVE, handles.RESERVE])

    def test_goes_on_where_there_was_none(self):
        failures = []

        def app(environ, start_response):
            write = start_response(*OK)
            for _ in range(100):
                try:
                    write(b"x" * 1000)
                except MemoryError:
                    failures.append(True)
            return []

        with mock.patch.object(handles, "_look_for", mock.Mock(side_effect=MemoryError)):
            run(app)
        self.assertTrue(len(failures) > 60, len(failures))


class Validated(unittest.TestCase):
    def test_wsgirefs_validator_has_no_complaint(self):
        def app(environ, start_response):
            lines = list(environ["wsgi.input"])
            environ["wsgi.errors"].write("one line\n")
            environ["wsgi.errors"].flush()
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
            return lines

        exchange = run(validator(app), method="POST", variables={"CONTENT_LENGTH": "6"}, pieces=[b"ab\n", b"cd\n"])
        self.assertIsNone(exchange.failure)
        self.assertEqual(exchange.content, b"ab\ncd\n")


if __name__ == "__main__":
    unittest.main()
