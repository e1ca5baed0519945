#!/usr/bin/env python3
"""Makes the virtual environment of the peers: environment.py FOLDER

PyTorch's wheel on PyPI is the CUDA build. It pulls in about 3 GB of NVIDIA's libraries that no CPU run calls, yet does
not import without them: its own libraries name them. So it is installed without its dependencies, and where a library
that it names is missing, an empty one of that name is compiled into torch/lib: every function that torch wants from it
is there and returns 0. A CPU wheel (`pip` takes one from --find-links or an index that has it) names none of them.

tensorflow-cpu has no wheel for every Python and processor: requirements.txt names it only where there is one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import venv
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENDOR = re.compile(r"lib(cu|nv|nccl)")


def output(*command: str | Path) -> str:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout


def missing_libraries(libraries: list[Path]) -> set[str]:
    """NVIDIA's libraries that torch's name and that are not installed."""
    names: set[str] = set()
    for library in libraries:
        names |= set(re.findall(r"\(NEEDED\).*\[(.+)\]", output("readelf", "-dW", library)))
    own = {library.name for library in libraries}
    return {name for name in names - own if VENDOR.match(name)}


def wanted_symbols(libraries: list[Path], stubs: set[str]) -> dict[str, dict[str, set[str]]]:
    """For each stub, version name -> symbols. Those without a version go into the first stub: any serves the linker."""
    needs: dict[str, str] = {}
    loose: set[str] = set()
    defined: set[str] = set()
    versioned: dict[str, set[str]] = defaultdict(set)
    for library in libraries:
        soname = ""
        for line in output("readelf", "-VW", library).splitlines():
            if match := re.search(r"File: (\S+)", line):
                soname = match[1]
            elif soname in stubs and (match := re.search(r"Name: (\S+)\s+Flags", line)):
                needs[match[1]] = soname
        for line in output("nm", "-D", "--with-symbol-versions", library).splitlines():
            kind, name = line.split()[-2:]
            symbol, _, version = name.partition("@")
            if kind not in "Uw":
                defined.add(symbol)
            elif version.lstrip("@"):
                versioned[version.lstrip("@")].add(symbol)
            elif kind == "U":
                loose.add(symbol)
    result: dict[str, dict[str, set[str]]] = {stub: defaultdict(set) for stub in stubs}
    for version, soname in needs.items():
        result[soname][version] |= versioned[version]
    result[min(stubs)][""] |= {symbol for symbol in loose - defined if re.match(r"(__)?(cu|nv|nccl)", symbol)}
    return result


def compile_stub(folder: Path, soname: str, versions: dict[str, set[str]]) -> None:
    """A library whose functions do nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        source, script = Path(scratch) / "stub.c", Path(scratch) / "stub.map"
        symbols = sorted(set().union(*versions.values()))
        source.write_text("".join(f"void *{symbol}(void) {{ return 0; }}\n" for symbol in symbols))
        nodes = [f"{version} {{ global: *; }};" for version in versions if version]
        script.write_text("\n".join(nodes[:1]) + "\n")
        options = [f"-Wl,--version-script={script}"] if nodes else []
        command = [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-w", "-fno-builtin", f"-Wl,-soname,{soname}"]
        subprocess.run([*command, *options, str(source), "-o", str(folder / soname)], check=True)


def fill_in_cuda(site: Path) -> int:
    folder = site / "torch" / "lib"
    libraries = sorted(path for path in folder.glob("*.so*") if path.is_file())
    stubs = missing_libraries(libraries)
    if stubs:
        for soname, versions in wanted_symbols(libraries, stubs).items():
            compile_stub(folder, soname, versions)
    return len(stubs)


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    folder = Path(sys.argv[1])
    print(f"setting up {folder}: PyTorch, JAX and TensorFlow for the CPU, some minutes and 3 GB", flush=True)
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "-r", str(HERE / "requirements.txt")], check=True)
    site = Path(output(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    if count := fill_in_cuda(site):
        print(f"{count} libraries of NVIDIA's stand empty in torch/lib")
    check = "import torch, jax, cv2, PIL; assert torch.ones(2, 2).mm(torch.ones(2, 2)).sum() == 8"
    subprocess.run([str(python), "-c", check], check=True)
    if (site / "tensorflow").is_dir():
        quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run([str(python), "-c", "import tensorflow, keras"], check=True, env=quiet)
    else:
        print("without TensorFlow, which has no wheel for this Python")
    return 0


if __name__ == "__main__":
    sys.exit(main())
