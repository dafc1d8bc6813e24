"""Its own source as a file that is given by `wsgi.file_wrapper`, in pieces of `?each=` bytes; with `?end=never` it begins
anew at its end."""

from .common import Witness, argument, number, ok


class File(Witness):
    """An open file that says when it is closed."""

    def __init__(self, environ):
        super().__init__(environ)
        self.file, self.endless = open(__file__, "rb"), argument(environ, "end") == "never"

    def read(self, size):
        piece = self.file.read(size)
        if not piece and self.endless:
            self.file.seek(0)
            piece = self.file.read(size)
        return piece

    def closing(self):
        self.file.close()


def app(environ, start_response):
    ok(start_response)
    return environ["wsgi.file_wrapper"](File(environ), number(environ, "each"))
