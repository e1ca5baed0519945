"""The ABI against its record: nothing moves, and nothing goes, unless somebody decides so."""

import difflib
import platform

import pytest

from conftest import ROOT, run

RECORD = ROOT / "Tests/data/abi.txt"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the record is that of x86-64")
def test_abi_is_the_one_on_record():
    now = run(ROOT / "scripts/abi-record").stdout
    change = "\n".join(difflib.unified_diff(RECORD.read_text().splitlines(), now.splitlines(), "record", "now", lineterm=""))
    assert not change, f"read docs/abi.md, then `make abi-record`:\n{change}"


def test_record_holds_every_kind_of_line():
    lines = RECORD.read_text().splitlines()
    for beginning in ("symbol T tp_", "function tp_status ", "callback int32_t ", "enum tp_status.", "struct tp_", "  tp_"):
        assert any(line.startswith(beginning) for line in lines), beginning
    names = {line.split()[-1] for line in lines if line.startswith("symbol")}
    prototypes = {line.split("(")[0].split()[-1] for line in lines if line.startswith("function")}
    assert names == {name.lstrip("*") for name in prototypes}
