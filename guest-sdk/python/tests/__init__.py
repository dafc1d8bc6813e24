"""The bridge without a component around it: `python3 -m unittest discover -s tests -t .` in guest-sdk/python."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "src"))
