"""Reads include/teleport.h: its functions, structs and enums, so that tests forget none of them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "include" / "teleport.h"

_source = re.sub(r"/\*.*?\*/", " ", HEADER.read_text(), flags=re.S)
_source = re.sub(r"^\s*#.*$", "", _source, flags=re.M)


def _squeeze(text):
    return re.sub(r"\s+", " ", text).replace(" *", "*").replace("* ", "*").strip()


def enums():
    """{tp_status: {TP_OK: 0, ...}}"""
    found = {}
    for body, name in re.findall(r"typedef enum \w+ \{(.*?)\} (\w+);", _source, re.S):
        members = [_squeeze(member) for member in body.split(",") if member.strip()]
        pairs = [member.split(" = ") for member in members]
        found[name] = {key: int(value) for key, value in pairs}
    return found


def structs():
    """{tp_batch: [("x", "const float*"), ...]}, arrays as "int32_t[3]" and
    function pointers as "void(const double*xy, void*user_data)"."""
    found = {}
    for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", _source, re.S):
        fields = []
        for line in filter(None, map(_squeeze, body.split(";"))):
            pointer = re.fullmatch(r"(\w+) ?\(\*(\w+)\)(\(.*\))", line)
            if pointer:
                result, field, arguments = pointer.groups()
                fields.append((field, result + arguments))
                continue
            kind, field, extent = re.fullmatch(r"(.+?[ *])(\w+)(\[\d+\])?", line).groups()
            fields.append((field, kind.strip() + (extent or "")))
        found[name] = fields
    return found


def callbacks():
    """{tp_event_callback: ("int32_t", ["const tp_event*", "void*"])}"""
    pattern = r"typedef (\w+) \(\*(\w+)\)\((.*?)\);"
    return {
        name: (result, arguments(given))
        for result, name, given in re.findall(pattern, _source, re.S)
    }


def functions():
    """{tp_model_clone: ("tp_status", ["tp_model**", "const tp_model*"])}"""
    pattern = r"^((?:const )?\w+[ *]+)(tp_\w+)\(([^;]*?)\);"
    return {
        name: (_squeeze(result), arguments(given))
        for result, name, given in re.findall(pattern, _source, re.S | re.M)
    }


def arguments(text):
    text = _squeeze(text)
    if text == "void":
        return []
    kinds = []
    for argument in text.split(","):
        kind, _ = re.fullmatch(r"(.+?[ *])(\w+)", argument.strip()).groups()
        kinds.append(kind.strip())
    return kinds
