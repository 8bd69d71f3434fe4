"""Whether it all adds up, by accounts that were kept apart: the producers', each consumer's, the log's and the groups'.

Nothing here trusts one counter: an event that was lost, that came twice or out of its order, that was settled and not
committed, or that reached the log though it was refused, makes one of these checks fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from headrace.cli._demo import ledger
from headrace.cli._demo.ledger import Account, Entry
from headrace.interfaces.broker import Broker, OffsetAt
from headrace.model import names
from headrace.model.catalogue import Catalogue
from headrace.model.product import StreamingProduct
from headrace.streaming.statistics import Statistics


class Check(NamedTuple):
    """One thing that must hold. ``problems``: where it does not."""

    name: str
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.problems


@dataclass(frozen=True)
class Told:
    """What an application said at its end."""

    application: str
    region: str
    statistics: Statistics
    published: Mapping[Account, Entry]
    settled: Mapping[str, Mapping[Account, Entry]]
    """By purpose."""
    consumes: Mapping[str, str]
    """The product, by purpose: told apart from what arrived, so that a consumer which was sent nothing is missed."""
    findings: Mapping[str, float] = field(default_factory=dict)
    stopped: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, application: str, region: str, said: Mapping[str, Any]) -> Told:
        return cls(
            application,
            region,
            Statistics.from_json(said["statistics"]),
            ledger.from_json(said["published"]),
            {purpose: ledger.from_json(rows) for purpose, rows in said["settled"].items()},
            said["consumes"],
            said.get("findings", {}),
            tuple(said["stopped"]),
        )


class Topic(NamedTuple):
    product: StreamingProduct
    tenant: str

    @property
    def name(self) -> str:
        return names.topic(self.product.id, self.product.version.major, self.tenant)


class Accounts:
    """All that was told, and what the catalogue lets expect of it."""

    def __init__(self, catalogue: Catalogue, told: Iterable[Told]) -> None:
        self._catalogue = catalogue
        self.told = list(told)
        self._published: dict[Account, Entry] = {}
        for one in self.told:
            self._published.update(one.published)

    def topics(self, region: str) -> list[Topic]:
        """The region's topics of the products that the demo publishes."""
        products = {account.product for account in self._published}
        return [
            Topic(product, tenant.id)
            for product in self._catalogue.products.values()
            if product.id in products
            for tenant in self._catalogue.tenants_of(product, region)
        ]

    def published(self, product: str, tenant: str) -> int:
        return sum(e.events for a, e in self._published.items() if (a.product, a.tenant) == (product, tenant))

    def consumptions(self, region: str) -> Iterator[tuple[Told, str, Topic]]:
        """Each consumer that runs, by purpose, with each topic that it is to be sent."""
        for topic in self.topics(region):
            tenant = self._catalogue.tenants[topic.tenant]
            for one in self.told:
                if one.region != region or not tenant.admits(one.application):
                    continue
                for purpose in self._purposes(one, topic.product.id):
                    yield one, purpose, topic

    def _purposes(self, one: Told, product: str) -> list[str]:
        return sorted(purpose for purpose, consumed in one.consumes.items() if consumed == product)

    def complete(self) -> bool:
        """Every consumer has settled all that was published for it."""
        return not self.counts().problems

    # --- checks

    def counts(self) -> Check:
        """Published = accepted + rejected + passed over, for each consumer and topic."""
        problems = []
        for region in self._catalogue.regions:
            for one, purpose, topic in self.consumptions(region):
                published = self.published(topic.product.id, topic.tenant)
                rows = [
                    row
                    for row in one.statistics.rows
                    if (row.product, row.tenant, row.purpose) == (topic.product.id, topic.tenant, purpose)
                ]
                settled = sum(row.accepted + row.rejected + row.passed_over for row in rows)
                if settled != published:
                    problems.append(
                        f"{names.group(one.application, purpose)} {topic.name}: {settled:,} of {published:,}"
                    )
        return Check("every consumer accepted or rejected exactly what was published", tuple(problems))

    def digests(self) -> Check:
        """What each consumer saw of each publisher is what that publisher has published, in its order."""
        problems = []
        for region in self._catalogue.regions:
            for one, purpose, topic in self.consumptions(region):
                seen = one.settled.get(purpose, {})
                place = topic.product.id, topic.tenant
                for account in {a for a in (*self._published, *seen) if a[:2] == place}:
                    wanted, found = self._published.get(account), seen.get(account)
                    if wanted != found:
                        problems.append(
                            f"{names.group(one.application, purpose)} {topic.name} from {account.application}: "
                            f"{_entry(found)}, published {_entry(wanted)}"
                        )
        return Check("nothing lost, doubled or out of order: digests of all ids agree", tuple(problems))

    def log(self, region: str, broker: Broker) -> Check:
        """Each topic's next offset is the number of its events: the log has what was published, and no more."""
        topics = self.topics(region)
        ends = broker.admin.offsets([topic.name for topic in topics], OffsetAt.LATEST)
        problems = []
        for topic in topics:
            published, end = self.published(topic.product.id, topic.tenant), ends.get(topic.name)
            if published != end:
                problems.append(f"{topic.name}: {published:,} published, the log ends at {end}")
        return Check(f"{region}: the log holds what was published, and nothing that was refused", tuple(problems))

    def committed(self, region: str, broker: Broker) -> Check:
        """Each group has committed the end of each of its topics: its lag is 0."""
        ends = broker.admin.offsets([topic.name for topic in self.topics(region)], OffsetAt.LATEST)
        commits: dict[str, Mapping[str, Any]] = {}
        problems = []
        for one, purpose, topic in self.consumptions(region):
            group = names.group(one.application, purpose)
            if group not in commits:
                commits[group] = broker.admin.group_offsets(group)
            commit = commits[group].get(topic.name)
            at = 0 if commit is None else commit.offset
            if at != ends.get(topic.name):
                problems.append(f"{group} {topic.name}: committed {at}, ends at {ends.get(topic.name)}")
        return Check(f"{region}: every consumer group has committed to the end, lag 0", tuple(problems))

    def dead_letters(self, region: str, broker: Broker) -> Check:
        """Each application's dead-letter topic holds as many records as its consumers have rejected."""
        problems = []
        for one in self.told:
            if one.region != region:
                continue
            rejected = one.statistics.total("rejected")
            topic = names.dead_letter(one.application)
            end = broker.admin.offsets([topic], OffsetAt.LATEST).get(topic, 0)
            if rejected != end:
                problems.append(f"{topic}: {rejected} rejected, {end} dead letters")
        return Check(f"{region}: every rejected event is in the dead letter", tuple(problems))

    def lanes(self) -> Check:
        """No lane has stopped."""
        problems = tuple(f"{one.application} {one.region}: {lane}" for one in self.told for lane in one.stopped)
        return Check("no lane stands still", problems)


def _entry(entry: Entry | None) -> str:
    return "nothing" if entry is None else f"{entry.events:,} events ({entry.digest[:8]})"
