#!/usr/bin/env python3
"""Writes Tests/data/bad/*.safetensors: one defect each, otherwise the model 2-1 of `good`."""

import json
import struct
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "bad"

TEXTS = {
    "teleport.format": "1",
    "teleport.activation": "relu",
    "teleport.negative_slope": "0.01",
    "teleport.initialization": "glorot_uniform",
    "teleport.seed": "0",
}
WEIGHT = {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}
BIAS = {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}
DATA = struct.pack("<3f", 1, 2, 3)


def file(header, data=DATA, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def header(weight=WEIGHT, bias=BIAS, texts=TEXTS, **more):
    return {"__metadata__": texts, "layers.0.weight": weight, "layers.0.bias": bias, **more}


def text(**changes):
    return header(texts={**TEXTS, **{"teleport." + key: value for key, value in changes.items()}})


def without(key):
    return header(texts={k: v for k, v in TEXTS.items() if k != "teleport." + key})


def raw(old, new):
    """The good header with a piece of its text replaced."""
    good = json.dumps(header())
    assert old in good
    return good.replace(old, new, 1).encode()


GOOD = file(header())

# Defects that the reference implementation refuses as well.
SAFETENSORS = {
    "empty": b"",
    "length_truncated": GOOD[:7],
    "header_truncated": GOOD[:40],
    "header_length_huge": struct.pack("<Q", 2**64 - 1) + GOOD[8:],
    "header_length_over_limit": struct.pack("<Q", 100_000_001) + GOOD[8:],
    "header_length_zero": struct.pack("<Q", 0),
    "header_not_an_object": file(b"[]", b""),
    "header_not_utf8": file(json.dumps(header()).encode().replace(b"relu", b"re\xfflu")),
    "header_text_after_end": file(json.dumps(header()).encode() + b" x"),
    "header_deep": file(b'{"a":' + b"[" * 200),
    "data_truncated": GOOD[:-1],
    "data_too_long": GOOD + b"\0",
    "offsets_gap": file(header(bias={**BIAS, "data_offsets": [12, 16]}), DATA + bytes(4)),
    "offsets_overlap": file(header(bias={**BIAS, "data_offsets": [4, 8]}), DATA[:8]),
    "offsets_reversed": file(header(bias={**BIAS, "data_offsets": [12, 8]})),
    "offsets_past_end": file(header(bias={**BIAS, "data_offsets": [8, 2**60]})),
    "offsets_not_from_zero": file(header(
        weight={**WEIGHT, "data_offsets": [4, 12]}, bias={**BIAS, "data_offsets": [12, 16]}), DATA + bytes(4)),
    "offsets_three": file(header(bias={**BIAS, "data_offsets": [8, 12, 12]})),
    "offsets_one": file(header(bias={**BIAS, "data_offsets": [8]})),
    "shape_wrong_for_bytes": file(header(weight={**WEIGHT, "shape": [1, 3]})),
    "shape_overflow": file(header(weight={**WEIGHT, "shape": [2**32, 2**32]})),
    "shape_overflow_to_right_size": file(header(weight={**WEIGHT, "shape": [2**62, 4, 2]})),
    "shape_negative": file(header(weight={**WEIGHT, "shape": [-1, -2]})),
    "shape_fraction": file(header(weight={**WEIGHT, "shape": [1, 2.0]})),
    "shape_past_64_bits": file(header(weight={**WEIGHT, "shape": [2**64, 2]})),
    "shape_missing": file(header(weight={k: v for k, v in WEIGHT.items() if k != "shape"})),
    "dtype_unknown": file(header(weight={**WEIGHT, "dtype": "F33"})),
    "dtype_number": file(header(weight={**WEIGHT, "dtype": 1})),
    "tensor_not_an_object": file(header(weight=[1])),
    "metadata_not_an_object": file(header(texts=[])),
    "metadata_value_number": file(header(texts={**TEXTS, "a": 1})),
    "comma_at_end": file(raw('[8, 12]}}', '[8, 12]},}')),
    "quotes_single": file(json.dumps(header()).replace('"', "'").encode()),
    "surrogate_alone": file(raw("relu", "\\ud800")),
    "number_leading_zero": file(raw("[0, 8]", "[00, 8]")),
}  # fmt: skip

def graph(architecture, shape=(1, 2)):
    """Format 2: tensors by the names of layers."""
    texts = {**TEXTS, "teleport.format": "2", "teleport.architecture": architecture}
    return {"__metadata__": texts, "fc1.weight": {**WEIGHT, "shape": list(shape)}, "fc1.bias": BIAS}


# Defects in what only this library looks at, or where the format's description is stricter than the reference.
OWN = {
    "header_begins_with_space": file(b" " + json.dumps(header()).encode()),
    "duplicate_tensor": file(raw('"layers.0.bias"', '"layers.0.weight"')),
    "duplicate_tensor_escaped": file(raw('"layers.0.bias"', '"layers.0.w\\u0065ight"')),
    "duplicate_metadata": file(raw('"teleport.seed"', '"teleport.activation"')),
    "duplicate_member": file(raw('"shape": [1, 2]', '"shape": [1, 2], "shape": [1, 2]')),
    "format_newer": file(text(format="3")),
    "format_zero": file(text(format="0")),
    "format_no_number": file(text(format="one")),
    "activation_missing": file(without("activation")),
    "activation_unknown": file(text(activation="swish")),
    "slope_negative": file(text(activation="leaky_relu", negative_slope="-1")),
    "slope_nan": file(text(activation="leaky_relu", negative_slope="nan")),
    "seed_negative": file(text(seed="-1")),
    "seed_long": file(text(seed="0" * 1000)),
    "weight_missing": file({"__metadata__": TEXTS, "layers.0.bias": {**BIAS, "data_offsets": [0, 4]}}, DATA[:4]),
    "weight_flat": file(header(weight={**WEIGHT, "shape": [2]})),
    "weight_empty": file(header(weight={**WEIGHT, "shape": [0, 2], "data_offsets": [0, 0]},
                                bias={**BIAS, "data_offsets": [0, 4]}), DATA[:4]),
    "weight_half": file(header(weight={**WEIGHT, "shape": [2, 2], "dtype": "F16"})),
    "bias_wrong_length": file(header(bias={**BIAS, "shape": [2], "data_offsets": [8, 16]}), DATA + bytes(4)),
    "bias_missing_in_one": file(header(**{
        "layers.1.weight": {"dtype": "F32", "shape": [1, 1], "data_offsets": [12, 16]}}), DATA + bytes(4)),
    "layers_do_not_chain": file(header(**{
        "layers.1.weight": {"dtype": "F32", "shape": [1, 2], "data_offsets": [12, 20]},
        "layers.1.bias": {"dtype": "F32", "shape": [1], "data_offsets": [20, 24]}}), DATA + bytes(12)),
    "weight_nan": file(header(), struct.pack("<3f", 1, float("nan"), 3)),
    "bias_infinite": file(header(), struct.pack("<3f", 1, 2, float("inf"))),
    "graph_without_text": file(text(format="2")),
    "graph_of_no_net": file(text(format="2", architecture="input 2\ndens 1")),
    "graph_tensor_missing": file(text(format="2", architecture="input 2; dense 1")),
    "graph_tensor_shape": file(graph("input 2; dense 1", [2, 1])),
    "graph_tensor_infinite": file(graph("input 2; dense 1"), struct.pack("<3f", 1, 2, float("inf"))),
    "graph_larger_than_file": file(graph("input 2; dense 1; dense 2000000000; dense 1000000")),
    "foreign_convolution": file({"0.weight": {"dtype": "F32", "shape": [1, 2, 1], "data_offsets": [0, 8]}}, DATA[:8]),
    "foreign_norm": file({"0.weight": WEIGHT, "0.running_mean": BIAS}),
    "foreign_bias_alone": file({"0.weight": WEIGHT, "1.bias": BIAS}),
    "foreign_no_tensors": file({}, b""),
}  # fmt: skip


def main():
    FOLDER.mkdir(exist_ok=True)
    for prefix, files in (("st_", SAFETENSORS), ("st_own_", OWN)):
        for name, data in files.items():
            (FOLDER / f"{prefix}{name}.safetensors").write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
