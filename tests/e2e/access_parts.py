"""A secure Kafka that Headrace has provisioned, for tests of who may do what on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from headrace.adapters.embedded_registry import EmbeddedRegistry
from headrace.adapters.kafka_broker import KafkaBroker
from headrace.clock import SYSTEM_CLOCK
from headrace.interfaces.access import AccessRule, Match, Operation, Permission, ResourceKind
from headrace.local.kafka_server import KafkaServer
from headrace.model.application import Credentials
from headrace.model.catalogue import Catalogue
from headrace.model.region import ClusterAddress
from headrace.model.tenant import TenantPrincipal
from headrace.provisioning.apply import apply_plan
from headrace.provisioning.changes import Plan
from headrace.provisioning.desired import desired
from headrace.provisioning.observed import RegionConnection, observe
from headrace.provisioning.plan import make_plan
from headrace.streaming.app import App
from headrace.streaming.catalogue_feed import FollowedCatalogue
from headrace.streaming.connection import Connection
from headrace.streaming.limits import Limits
from headrace.testing.small_catalogue import small_catalogue

PAGE = Path(__file__).parents[2] / "docs" / "access-rights.md"
APPLICATIONS = ("data-api", "plan", "promo-pricing")
PROVISIONER, TENANT_OWN, STRANGER = "headrace-apply", "acme-own", "stranger"


def documented_rights(principal: str) -> list[AccessRule]:
    """What the page says that the applying principal needs."""
    rows = re.findall(r"^\| ([a-z-]+) \| (\S+) \| (literal|prefixed) \| ([A-Z_]+) \|", PAGE.read_text(), re.MULTILINE)
    return [
        AccessRule(principal, ResourceKind(kind), name, Match(match), Operation(operation))
        for kind, name, match, operation in rows
    ]


def guarded_catalogue() -> Catalogue:
    """The small catalogue with principals: promo-pricing has a right on sales-events, which bolt does not admit it to; acme
    reads its sales-events itself."""
    small = small_catalogue()
    eu = replace(
        small.regions["eu"],
        cluster=ClusterAddress("kafka", bootstrap="declared:9092", operators=(f"User:{PROVISIONER}",)),
    )
    own = TenantPrincipal(Credentials(f"User:{TENANT_OWN}", "env:ACME"), ("sales-events",))
    return replace(
        small,
        regions={"eu": eu, "us": small.regions["us"]},
        applications={
            id_: replace(a, credentials={"eu": Credentials(f"User:{id_}", "env:ANY")})
            for id_, a in small.applications.items()
        },
        tenants=small.tenants | {"acme": replace(small.tenants["acme"], principals=(own,))},
    )


@dataclass
class Secured:
    """``users``: each one's client properties, by name."""

    server: KafkaServer
    users: Mapping[str, Mapping[str, str]]
    folder: Path

    def broker(self, user: str | None = None) -> KafkaBroker:
        """As a user, or as the administrator."""
        properties = self.server.admin_properties if user is None else self.users[user]
        return KafkaBroker(self.server.bootstrap, properties=properties)

    def apply(self, catalogue: Catalogue, *, allow_delete: int | None = None) -> Plan:
        """Plan and apply with the provisioning principal; the plan."""
        broker, registry = self.broker(PROVISIONER), EmbeddedRegistry(self.folder)
        try:
            connections = {"eu": RegionConnection(broker, registry)}
            wanted = desired(catalogue, regions=["eu"])
            found = observe(wanted, connections)
            plan = make_plan(wanted, found, allow_delete=allow_delete)
            apply_plan(plan, wanted, found, connections, apply_id="e2e")
            return plan
        finally:
            broker.close()
            registry.close()

    def app(self, application: str, user: str | None = None, **limits: float) -> App:
        """An application of the SDK, signed in as its own principal or as another."""

        def connect() -> Connection:
            broker, registry = self.broker(user or application), EmbeddedRegistry(self.folder)
            try:
                feed = FollowedCatalogue(broker, "eu", SYSTEM_CLOCK)
            except BaseException:
                broker.close()
                registry.close()
                raise
            return Connection(
                application=application,
                region="eu",
                broker=broker,
                registry=registry,
                feed=feed,
                opened=[registry.close, broker.close, feed.close],
                limits=Limits(drain_timeout=10, commit_interval=0.2, **limits),  # type: ignore[arg-type]
            )

        return App(connect)

    def empty(self) -> None:
        """Take away all topics, groups and rules."""
        broker = self.broker()
        try:
            for group in broker.admin.groups():
                broker.admin.delete_group(group)
            broker.admin.delete_topics(list(broker.admin.topics()))
            broker.access.revoke(sorted(broker.access.rules() or ()))
        finally:
            broker.close()


def deny(user: str, topic: str, operation: Operation) -> AccessRule:
    """A rule as somebody might make it by hand."""
    return AccessRule(f"User:{user}", ResourceKind.TOPIC, topic, Match.LITERAL, operation, Permission.DENY)


def secured(server: KafkaServer, folder: Path) -> Secured:
    """The users, and the provisioning principal's rights as they are documented; nothing is applied yet."""
    names = (*APPLICATIONS, PROVISIONER, TENANT_OWN, STRANGER)
    made = Secured(server, {name: server.add_user(name) for name in names}, folder)
    made.empty()
    admin = made.broker()
    rights = documented_rights(f"User:{PROVISIONER}")
    assert len(rights) == 9 and not any(admin.access.grant(rights).values())
    admin.close()
    return made
