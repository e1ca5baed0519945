"""Puts the checkout's library into the wheel, when `make lib` has built it: the wheel is then complete."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

BUILT = Path(__file__).resolve().parent.parent / "build" / "lib"


def library_of(distribution):
    """The file that the package of this version loads."""
    return BUILT / f"libteleport.so.{distribution.get_version().split('.')[0]}"


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        library = library_of(self.distribution)
        if library.exists() and not self.editable_mode:
            shutil.copyfile(library, Path(self.build_lib) / "teleport" / library.name)


class PlatformWheel(bdist_wheel):
    """Any Python 3, but this platform: the package is ctypes only, the library is not."""

    def get_tag(self):
        _, _, platform = super().get_tag()
        return "py3", "none", platform

    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = not library_of(self.distribution).exists()


setup(cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})
