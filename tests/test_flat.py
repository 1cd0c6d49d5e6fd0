"""Flat files: trees of attributes and arrays, and networks in them."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neurograph.errors import InputError
from neurograph.flat import Tree, pack, unpack

ARRAYS = hnp.arrays(
    st.sampled_from(["f8", "f4", "i8", "i4", "i2", "u1", "?"]), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.tuples(st.integers(), st.floats(0, 1))
)


@given(st.dictionaries(st.text(), VALUES), st.dictionaries(st.text(), ARRAYS, max_size=5), st.dictionaries(st.text(), ARRAYS, max_size=3))
def test_trees_come_back(attributes, arrays, inner):
    tree = Tree()
    tree.attrs.update(attributes)
    group = tree.create_group("g")
    for name, array in inner.items():
        group.create_dataset(name, data=array, compression="gzip")
    for name, array in arrays.items():
        tree.create_dataset(f"a{name}", data=array)
    back = unpack(bytearray(pack(tree)))
    assert back.attrs == attributes and list(back) == ["g", *(f"a{name}" for name in arrays)]
    for name, array in [*((f"a{name}", array) for name, array in arrays.items())]:
        _same(back[name], array)
    assert "g" in back and list(back["g"]) == list(inner)
    for name, array in inner.items():
        _same(back["g"][name], array)


def _same(back, array):
    assert back.dtype == array.dtype and back.shape == array.shape and back.flags.writeable
    np.testing.assert_array_equal(back, array)


def test_it_is_a_safetensors_file():
    """By the format's own rules: size, a JSON header that begins with a brace, places without holes; read here by hand."""
    tree = Tree()
    tree.create_dataset("w", data=np.arange(-300, 300).reshape(30, 20))
    tree.create_dataset("x", data=np.linspace(0, 1, 7))
    content = pack(tree)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    assert content[8:9] == b"{" and (8 + size) % 8 == 0
    assert all(isinstance(value, str) for value in header.pop("__metadata__").values())
    places = sorted(place["data_offsets"] for place in header.values())
    assert places[0][0] == 0 and places[-1][1] == len(content) - 8 - size and all(a[1] == b[0] for a, b in pairwise(places))
    assert sorted((place["dtype"], place["shape"]) for place in header.values()) == [("F64", [7]), ("I16", [30, 20])]


@given(st.integers(0, 400), st.binary(max_size=3))
def test_damage_is_refused_by_name(at, put):
    tree = Tree()
    tree.attrs["a"] = 1
    tree.create_dataset("w", data=np.arange(5.0))
    content = pack(tree)
    for damaged in (content[: at % len(content)], put, content[:at] + put + content[at + len(put) + 1 :]):
        try:
            unpack(bytearray(damaged))
        except InputError as error:
            assert "flat file" in str(error)


def test_a_file_that_is_cut_off_or_another(tmp_path):
    tree = Tree()
    tree.create_dataset("w", data=np.arange(5.0))
    content = pack(tree)
    with pytest.raises(InputError, match="is damaged"):
        unpack(bytearray(content[:-1]))
    with pytest.raises(InputError, match="is damaged"):
        unpack(bytearray())
    with pytest.raises(InputError, match=r"version 7, must be neurograph\.tree version 1"):
        unpack(bytearray(content.replace(b'"version": "1"', b'"version": "7"')))
