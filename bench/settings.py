"""The name of a variable of the environment, in; the path that it names, else the default, out."""

import os
import pathlib


def setting(name, default):
    return pathlib.Path(os.environ.get(name) or default).absolute()
