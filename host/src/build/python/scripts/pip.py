"""Runs pip for the guest: markers are the guest's, and sources may be built into wheels, without a compiler.

pip can install for another Python, but evaluates markers for the Python that runs it, and then takes no sources. Both
are changed here, in the one version of pip that is installed beside this file; what pip does is otherwise its own.
"""

import sys

from pip._internal.cli import cmdoptions
from pip._internal.cli.main import main
from pip._vendor.packaging import markers

GUEST = {
    "implementation_name": "cpython",
    "implementation_version": "3.14.0",
    "os_name": "posix",
    "platform_machine": "wasm32",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "WASI",
    "platform_version": "",
    "python_full_version": "3.14.0",
    "python_version": "3.14",
    "sys_platform": "wasi",
}

markers.default_environment = lambda: dict(GUEST)
cmdoptions.check_dist_restriction = lambda options, check_target=False: None

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
