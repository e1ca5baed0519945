"""Puts libteleport.so into the wheel, and ends at once with a sentence where there is none."""

import os
import shutil
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py
from setuptools.command.dist_info import dist_info

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

MISSING = """
libteleport is not built: {} is missing.
This package is the Python side alone. In a checkout run `make lib` and install again; elsewhere set TELEPORT_LIBRARY
to the path of a libteleport.so of version {}.
"""


def library_of(distribution):
    """What is packed, and the name that the package of this version loads."""
    name = f"libteleport.so.{distribution.get_version().split('.')[0]}"
    built = Path(__file__).resolve().parent.parent / "build" / "lib" / name
    return Path(os.environ.get("TELEPORT_LIBRARY") or built), name


class WithBinary(Distribution):
    def has_ext_modules(self):  # what setuptools asks before it takes the folder of one platform
        return True


class NeedsLibrary(dist_info):
    """What pip runs first, before it fetches numpy."""

    def run(self):
        library, _ = library_of(self.distribution)
        if not library.is_file():
            sys.exit(MISSING.format(library, self.distribution.get_version()))
        super().run()


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        library, name = library_of(self.distribution)
        if not self.editable_mode:  # an editable package finds the checkout's build/lib
            shutil.copyfile(library, Path(self.build_lib) / "teleport" / name)


class PlatformWheel(bdist_wheel):
    """Any Python 3, but this platform: the package is ctypes only, the library is not."""

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(
    distclass=WithBinary,
    cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel, "dist_info": NeedsLibrary},
)
