"""What a user's own tests need: `app` runs an application in memory, without a broker.

    from headrace import testing

    def test_sale():
        with testing.app(my_app, catalogue="catalogue/") as t:
            t.send("sales-events", "SaleRecorded", {...}, tenant="acme")
            assert t.accepted

With the pytest plugin, which is there once Headrace is installed, the fixture ``headrace_app`` does the same. Imported when
first used, so that a test run that has nothing to do with Headrace pays nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.testing.harness import Harness as Harness
    from headrace.testing.harness import RejectedEvent as RejectedEvent
    from headrace.testing.harness import UndeclaredReads as UndeclaredReads
    from headrace.testing.harness import app as app
    from headrace.testing.memory_broker import MemoryBroker as MemoryBroker

_WHERE = {
    "Harness": "harness",
    "MemoryBroker": "memory_broker",
    "RejectedEvent": "harness",
    "UndeclaredReads": "harness",
    "app": "harness",
}

__all__ = ["Harness", "MemoryBroker", "RejectedEvent", "UndeclaredReads", "app"]

if not TYPE_CHECKING:  # a type checker would take any name for one that `__getattr__` knows

    def __getattr__(name: str) -> Any:
        where = _WHERE.get(name)
        if where is None:
            raise AttributeError(f"module 'headrace.testing' has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"headrace.testing.{where}"), name)
        globals()[name] = value
        return value
