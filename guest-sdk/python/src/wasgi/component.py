from wit_world.exports.application import Step_Last, Step_More, Step_Done
from wasgi_application import APPLICATION
import importlib, sys, io
sys.path[:0] = [f"{p}/{d}" for p in sys.path if p == "/0" for d in ("app", "packages")]
module, _, name = APPLICATION.partition(":")
app = getattr(importlib.import_module(module), name)

class Body:
    def __init__(self, chunks): self.chunks = chunks; self.it = iter(chunks)
    def next(self):
        for c in self.it: return Step_More(c)
        return Step_Done()
    def close(self):
        if hasattr(self.chunks, "close"): self.chunks.close()
        return False
    def sent(self, report): pass

class Application:
    def handle(self, environ, start_response):
        e = dict(environ.entries())
        e["wsgi.input"] = io.BytesIO(); e["wsgi.errors"] = sys.stderr; e["wsgi.version"] = (1, 0)
        def start(status, headers, exc_info=None):
            start_response.call(status, headers, None)
            return start_response.write
        return Body(app(e, start))
