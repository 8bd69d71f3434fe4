"""What an application runs on once it is connected: one region's broker, registry and catalogue, and the bounds."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from headrace.clock import SYSTEM_CLOCK, Clock
from headrace.errors import UnknownApplication, UnknownProduct
from headrace.interfaces.broker import Broker, RecordWriter
from headrace.interfaces.registry import SchemaRegistry
from headrace.model.compiled import CompiledProduct
from headrace.streaming.catalogue_feed import CatalogueFeed
from headrace.streaming.hints import did_you_mean
from headrace.streaming.limits import Limits
from headrace.streaming.observation import UNWATCHED, Observation


@dataclass
class Connection:
    """``opened`` are the closers of what was opened for it, called in reverse order by `close`."""

    application: str
    region: str
    broker: Broker
    feed: CatalogueFeed
    registry: SchemaRegistry | None = None
    limits: Limits = field(default_factory=Limits)
    clock: Clock = SYSTEM_CLOCK
    observation: Observation = UNWATCHED
    opened: list[Callable[[], None]] = field(default_factory=list)
    writer: RecordWriter = field(init=False)

    def __post_init__(self) -> None:
        check_application(self.application, self.feed.current.applications)
        self.writer = self.broker.writer(topics=self.written_topics())

    def written_topics(self) -> int:
        """How many topics the application may write to, by the catalogue as it is now."""
        catalogue = self.feed.current
        produced = [p.id for p in catalogue.products.values() if self.application in p.producers]
        tenants = [t for t in catalogue.tenants.values() if t.admits(self.application)]
        return sum(tenant.takes(product) for product in produced for tenant in tenants)

    def product(self, product: str, major: int | None = None) -> CompiledProduct:
        """The product, of the given major or the newest active one. Raises `UnknownProduct`."""
        products = self.feed.current.products
        majors = {p.major: p for p in products.values() if p.id == product}
        if not majors:
            raise UnknownProduct(
                f"the catalogue has no streaming product {product!r}",
                hint=did_you_mean(product, {p.id for p in products.values()}),
                product=product,
            )
        if major is None:
            # A draft major is not provisioned, so all that are here have topics; the newest that is not on its way out.
            major = max(majors, key=lambda m: (majors[m].status == "active", m))
        if major not in majors:
            raise UnknownProduct(
                f"{product} has no major {major}",
                hint=f"it has {', '.join(map(str, sorted(majors)))}",
                product=product,
                major=major,
            )
        return majors[major]

    def close(self, timeout: float | None = None) -> None:
        """Flush what was published, then close everything."""
        try:
            self.writer.close(timeout)
        finally:
            for closer in reversed(self.opened):
                closer()
            self.opened = []


def check_application(application: str, declared: Collection[str]) -> None:
    """Raise `UnknownApplication` for one that is not declared."""
    if application not in declared:
        raise UnknownApplication(
            f"the catalogue has no application {application!r}",
            hint=did_you_mean(application, declared),
            application=application,
        )
