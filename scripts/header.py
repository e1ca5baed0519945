"""Reads include/teleport.h: version, types, functions and constants, for scripts and tests that may forget none."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = ROOT / "include" / "teleport.h"

_whole = re.sub(r"/\*.*?\*/", " ", HEADER.read_text(), flags=re.S)
_source = re.sub(r"^\s*#.*$", "", _whole, flags=re.M)


def _squeeze(text):
    return re.sub(r"\s+", " ", text).replace(" *", "*").replace("* ", "*").strip()


def version():
    """{"MAJOR": 0, "MINOR": 1, "PATCH": 0}"""
    return {part: int(number) for part, number in re.findall(r"#define TP_VERSION_(\w+) (\d+)", _whole)}


def types():
    """Names of enums, callbacks and structs in the order of the header: each uses only those before it."""
    return [a or b for a, b in re.findall(r"typedef (?:\w+ (\w+) \{|\w+ \(\*(\w+)\))", _source)]


def handles():
    """Structs without a body: {"tp_model", ...}"""
    return set(re.findall(r"typedef struct (\w+) \1;", _source))


def _members(body):
    pairs = [_squeeze(member).split(" = ") for member in body.split(",") if member.strip()]
    return {key: int(value) for key, value in pairs}


def enums():
    """{tp_status: {TP_OK: 0, ...}}"""
    found = re.findall(r"typedef enum \w+ \{(.*?)\} (\w+);", _source, re.S)
    return {name: _members(body) for body, name in found}


def constants():
    """Members of enums without a name: {TP_LAYER_ALL: -1, ...}"""
    bodies = re.findall(r"^enum \{(.*?)\};", _source, re.S | re.M)
    return {key: value for body in bodies for key, value in _members(body).items()}


def structs():
    """{tp_batch: [("x", "const float*"), ...]}, arrays as "int32_t[3]" and
    function pointers as "void(const double*xy, void*user_data)"."""
    found = {}
    for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", _source, re.S):
        fields = []
        for line in filter(None, map(_squeeze, body.split(";"))):
            pointer = re.fullmatch(r"(\w+) ?\(\*(\w+)\)(\(.*\))", line)
            if pointer:
                result, field, given = pointer.groups()
                fields.append((field, result + given))
                continue
            kind, field, extent = re.fullmatch(r"(.+?[ *])(\w+)(\[\d+\])?", line).groups()
            fields.append((field, kind.strip() + (extent or "")))
        found[name] = fields
    return found


def callbacks():
    """{tp_event_callback: ("int32_t", [("event", "const tp_event*"), ("user_data", "void*")])}"""
    pattern = r"typedef (\w+) \(\*(\w+)\)\((.*?)\);"
    return {
        name: (result, arguments(given))
        for result, name, given in re.findall(pattern, _source, re.S)
    }


def functions():
    """{tp_model_clone: ("tp_status", [("out", "tp_model**"), ("model", "const tp_model*")])}"""
    pattern = r"^((?:const )?\w+[ *]+)(tp_\w+)\(([^;]*?)\);"
    return {
        name: (_squeeze(result), arguments(given))
        for result, name, given in re.findall(pattern, _source, re.S | re.M)
    }


def arguments(text):
    """[("model", "const tp_model*"), ...]"""
    text = _squeeze(text)
    if text == "void":
        return []
    pairs = []
    for argument in text.split(","):
        kind, name = re.fullmatch(r"(.+?[ *])(\w+)", argument.strip()).groups()
        pairs.append((name, kind.strip()))
    return pairs
