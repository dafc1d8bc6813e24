"""WSGI (PEP 3333) for components: the bridge between an application and wasgi.

An application needs nothing of this package. `wasgi build` puts it around the application.
"""

__version__ = "0.1.0"
