"""The error tree."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from headrace import errors
from headrace.errors import Fault, HeadraceError, Violation


def _classes() -> list[type[HeadraceError]]:
    return [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, HeadraceError)]


def _example(cls: type[HeadraceError]) -> HeadraceError:
    if cls is errors.CatalogueError:
        return errors.CatalogueError([Fault("a.yaml", 3, 1, "HR100", "is wrong", "mend it")])
    return cls("it failed", hint="try again", topic="sales-events.v1.acme", offset=7)


def test_codes_are_unique() -> None:
    """Every error class has a code of its own."""
    codes = [c.code for c in _classes()]
    assert sorted(set(codes)) == sorted(codes)


def test_a_code_extends_the_code_of_its_branch() -> None:
    """An error's code begins with its parent's, so that a prefix matches a branch of the tree."""
    for cls in _classes():
        for parent in cls.__mro__[1:]:
            if issubclass(parent, HeadraceError) and parent not in (HeadraceError,):
                assert cls.code.startswith(parent.code.split(".")[0]), cls


def test_the_drawn_tree_is_the_tree() -> None:
    """The tree drawn at the top of errors.py names every class, under its parent, with `(retryable)` where it is."""
    drawn: dict[str, tuple[str, bool]] = {}
    stack: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(
            r"^(?P<indent>[ |]*)(?:\+-- )?(?P<name>[A-Z]\w+)(?=\s|$)(?P<rest>.*)", line.removeprefix("    ")
        )
        if not match or not (line.startswith("    ")):
            continue
        depth = len(match["indent"]) // 4 + (1 if "+-- " in line else 0)
        stack = [s for s in stack if s[0] < depth]
        drawn[match["name"]] = (stack[-1][1] if stack else "", "(retryable)" in match["rest"])
        stack.append((depth, match["name"]))
    actual = {c.__name__: (c.__mro__[1].__name__ if c is not HeadraceError else "", c.retryable) for c in _classes()}
    assert drawn == actual


@pytest.mark.parametrize("cls", _classes(), ids=lambda c: c.__name__)
def test_an_error_survives_pickling(cls: type[HeadraceError]) -> None:
    """An error keeps class, text and data across processes."""
    error = _example(cls)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert str(again) == str(error)
    assert again.data == error.data


def test_data_are_attributes() -> None:
    """What an error is about can be read as attributes, and an unknown one raises AttributeError."""
    error = errors.OffsetOutOfRange("gone", topic="t", offset=3)
    assert error.topic == "t"
    assert error.offset == 3
    with pytest.raises(AttributeError):
        _ = error.tenant


def test_invalid_event_lists_five_and_counts_the_rest() -> None:
    """The text of an InvalidEvent stays short, and its violations are complete."""
    many = [Violation(f"data.a[{i}]", "type", "is no number") for i in range(8)]
    error = errors.InvalidEvent("SaleRecorded is invalid", many)
    assert "and 3 more" in str(error)
    assert len(error.violations) == 8


def test_the_json_form_holds_code_message_hint_and_data() -> None:
    """`to_json` gives a machine what `str` gives a person."""
    error = errors.PayloadTooLarge("too large", hint="split it", size=10, limit=5)
    assert error.to_json() == {
        "code": "event.too-large",
        "message": "too large",
        "retryable": False,
        "hint": "split it",
        "size": 10,
        "limit": 5,
    }
