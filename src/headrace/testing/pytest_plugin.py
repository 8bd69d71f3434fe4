"""The pytest plugin of `headrace.testing`: the fixture ``headrace_app`` and the option ``--headrace-catalogue``.

    def test_sale(headrace_app):
        with headrace_app(my_app) as t:
            t.send("sales-events", "SaleRecorded", {...}, tenant="acme")
            assert t.accepted

It is loaded in every test run of every project that has Headrace installed, so it imports nothing of it before a test asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from headrace.streaming.app import App
    from headrace.testing.harness import Harness


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("headrace_catalogue", "Declaration repository that headrace_app starts from", default=None)
    parser.getgroup("headrace").addoption(
        "--headrace-catalogue", metavar="DIR", default=None, help="declaration repository that headrace_app starts from"
    )


@pytest.fixture
def headrace_app(request: pytest.FixtureRequest) -> Iterator[Callable[..., AbstractContextManager[Harness]]]:
    """`headrace.testing.app`, with the catalogue of ``--headrace-catalogue`` or the ini option ``headrace_catalogue``
    (relative to the ini file) where none is given."""
    named = request.config.getoption("--headrace-catalogue") or request.config.getini("headrace_catalogue")
    folder = request.config.rootpath / str(named) if named else None

    @contextmanager
    def run(app: App, **options: Any) -> Iterator[Harness]:
        from headrace.testing.harness import app as in_memory

        if folder is not None:
            options.setdefault("catalogue", folder)
        with ExitStack() as stack:
            yield stack.enter_context(in_memory(app, **options))

    yield run
