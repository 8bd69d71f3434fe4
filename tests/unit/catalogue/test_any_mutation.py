"""Whatever is done to a repository's text, a check ends with a catalogue or with faults that have a place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.catalogue.load import CheckResult, check
from tests.unit.catalogue.planting import RETAIL, copy_retail

pytestmark = pytest.mark.slow


FILES = sorted(
    path.relative_to(RETAIL).as_posix()
    for path in RETAIL.rglob("*")
    if path.suffix in (".yaml", ".json", ".avsc") and "data" not in path.relative_to(RETAIL).parts[:1]
)


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One copy for all examples; each puts back what it has changed."""
    return copy_retail(tmp_path_factory.mktemp("any") / "retail")


def _check_changed(root: Path, path: str, text: str) -> None:
    original = (root / path).read_bytes()
    (root / path).write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        _holds(check(root), root)
    finally:
        (root / path).write_bytes(original)


def _holds(result: CheckResult, root: Path) -> None:
    """Either a catalogue or faults, in order, each at a place that exists."""
    assert (result.catalogue is None) == bool(result.faults)
    assert list(result.faults) == sorted(result.faults)
    for fault in result.faults:
        assert re.fullmatch(r"HR[1-8][0-9]{2}", fault.code)
        assert (fault.line == 0) == (fault.column == 0), fault
        if fault.line:
            text = (root / fault.path).read_text(encoding="utf-8", errors="replace")
            # libyaml counts some other characters as line breaks too, editors do not.
            assert fault.line <= len(re.split("[\n\x85\u2028\u2029]", text)) + 1, fault
            assert fault.column <= max(map(len, text.split("\n"))) + 1, fault


@settings(max_examples=50)
@given(data=st.data())
def test_a_damaged_text_never_crashes_the_check(retail: Path, data: st.DataObject) -> None:
    """A span of any file is deleted, doubled, or replaced by any characters: the check still ends well."""
    path = data.draw(st.sampled_from(FILES))
    text = (RETAIL / path).read_text(encoding="utf-8")
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    middle = data.draw(
        st.one_of(
            st.just(""),
            st.just(text[start:end] * 2),
            st.sampled_from(["\t", "[", "}", ": ", "- ", "*x", "&x ", "!!int ", '"', "\0", "\n", "---\n", "0", "null"]),
            st.text(max_size=10),
        )
    )
    _check_changed(retail, path, text[:start] + middle + text[end:])


_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 10**9), st.floats(allow_nan=False, allow_infinity=False))
    | st.sampled_from(["", "*", "plan", "7d", "1.0.0", "eu", "data.storeId", "../x", "env:X", "SaleRecorded"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "kind", "name", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def _paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _paths(inner, (*path, key))


@settings(max_examples=80)
@given(data=st.data())
def test_any_value_in_any_place_never_crashes_the_check(retail: Path, data: st.DataObject) -> None:
    """A part of a declaration, a schema or an example is removed or becomes any value: the check still ends well."""
    from headrace.catalogue.located_yaml import YamlText

    path = data.draw(st.sampled_from(FILES))
    raw = (RETAIL / path).read_text(encoding="utf-8")
    value = YamlText(raw).value if path.endswith(".yaml") else json.loads(raw)
    place = data.draw(st.sampled_from(sorted(_paths(value), key=repr)))
    new = data.draw(_VALUES)
    removed = data.draw(st.booleans())
    if not place:
        value = new
    else:
        parent = value
        for step in place[:-1]:
            parent = parent[step]
        if removed:
            del parent[place[-1]]
        else:
            parent[place[-1]] = new
    # JSON is YAML too, so one writer serves both.
    _check_changed(retail, path, json.dumps(value, indent=1))
