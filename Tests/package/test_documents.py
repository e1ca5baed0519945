"""What the documents mention exists: files, types, names of the header, links; and each folder says what it is."""

import re
from pathlib import Path

import pytest
from conftest import HEADER, ROOT

FOLDERS = [ROOT / "scripts", ROOT / "Tests"] + sorted(
    folder
    for parent in ("Sources", "Tests")
    for folder in (ROOT / parent).iterdir()
    if folder.is_dir() and folder.name != "__pycache__"
)
DOCUMENTS = [ROOT / "docs/design.md", ROOT / "CONTRIBUTING.md"] + [folder / "README.md" for folder in FOLDERS]

PRODUCTS = re.compile(r"(\.?build|\.venv|__pycache__|\.git|\.pytest_cache)")
FILES = [
    path.relative_to(ROOT)
    for path in ROOT.rglob("*")
    if not any(PRODUCTS.match(part) for part in path.relative_to(ROOT).parts)
]
PATHS = {"/" + path.as_posix() for path in FILES}
SWIFT = "\n".join(path.read_text() for path in (ROOT / "Sources").rglob("*.swift"))
TYPES = {folder.name for folder in FOLDERS} | set(
    re.findall(r"\b(?:struct|class|enum|protocol|typealias) (\w+)", SWIFT)
)
# Swift's own, and variables of make and scripts.
FOREIGN = {"Makefile", "Unmanaged", "CC", "RENAMED"}
FILE = re.compile(r"[\w.+/-]+\.(?:swift|c|h|py|md|txt|map)|[\w.+-]+/[\w.+/-]*")


def names(text):
    """What stands in backticks, code blocks left out."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def heading_anchors(text):
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.M)
    }


def is_there(name, document):
    place = "/" + name.rstrip("/")
    beside = "/" + (document.parent / name).relative_to(ROOT).as_posix().rstrip("/")
    return beside in PATHS or any(path.endswith(place) for path in PATHS)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_each_folder_says_what_it_is(folder):
    assert (folder / "README.md").exists()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_names_in_documents_exist(document):
    header = HEADER.read_text()
    missing = []
    for name in names(document.read_text()):
        if name.startswith(("build/", ".build", ".venv")):
            continue
        if FILE.fullmatch(name):
            if not is_there(name, document):
                missing.append(name)
        elif re.fullmatch(r"[A-Z]\w+(\.\w+)?", name) and name.split(".")[0] not in FOREIGN:
            first, _, member = name.partition(".")
            if first not in TYPES and first not in header:
                missing.append(name)
            elif member and not re.search(rf"\b(?:func|var|let|case|init) {member}\b", SWIFT):
                missing.append(name)
        elif re.fullmatch(r"(tp|TP)_\w+", name) and name not in header:
            missing.append(name)
    assert not missing


@pytest.mark.parametrize(
    "document", [ROOT / "README.md", ROOT / "docs/install.md", *DOCUMENTS], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_links_of_documents_lead_somewhere(document):
    text = document.read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        place, _, anchor = target.partition("#")
        path = (document.parent / place).resolve() if place else document
        assert path.exists(), target
        if anchor:
            assert anchor in heading_anchors(path.read_text()), target


def test_every_script_is_described():
    text = (ROOT / "scripts/README.md").read_text()
    scripts = {path.name for path in (ROOT / "scripts").iterdir() if path.is_file()} - {"README.md"}
    assert not {name for name in scripts if f"`{name}`" not in text}


def test_lines_of_the_design_fit_120_columns():
    for document in [ROOT / "docs/design.md"] + [folder / "README.md" for folder in FOLDERS]:
        for number, line in enumerate(document.read_text().splitlines(), 1):
            assert len(line) <= 120, f"{document.relative_to(ROOT)}:{number}"
