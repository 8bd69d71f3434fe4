"""A region in memory for the tests of provisioning: as much of a broker and a registry as it uses, with faults to order.

The end-to-end tests run against the embedded adapters; here a thousand regions a second are made.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headrace.errors import (
    BrokerError,
    BrokerUnavailable,
    CheckUnsupported,
    IncompatibleSchema,
    RegistryError,
    RegistryUnavailable,
    SchemaMissing,
    SubjectMissing,
    TopicExists,
    TopicMissing,
)
from headrace.interfaces.access import AccessRule, Operation, Permission, ResourceKind
from headrace.interfaces.broker import Fetched, OffsetAt, TopicDescription, TopicSpec
from headrace.interfaces.receipt import Receipt, settle
from headrace.interfaces.registry import SubjectState
from headrace.model.record import Record, StoredRecord
from headrace.model.schema import Compatibility, RegisteredSchema, SchemaText
from headrace.provisioning.observed import RegionConnection


class Faults:
    """What goes wrong: ``broken`` names answer with an error; ``gone`` makes every call fail; ``calls_left`` counts down
    to the moment when the server goes."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.gone = False
        self.calls_left: int | None = None

    def call(self, error: type[BrokerError] | type[RegistryError] = BrokerUnavailable) -> None:
        if self.calls_left is not None:
            self.calls_left -= 1
            self.gone = self.gone or self.calls_left < 0
        if self.gone:
            raise error("the server has gone")


class MemoryAdmin:
    """Topics with ids, configurations and records."""

    def __init__(self, faults: Faults, cluster: str) -> None:
        self.faults = faults
        self.cluster = cluster
        self.there: dict[str, TopicDescription] = {}
        self.logs: dict[str, list[StoredRecord]] = {}
        self.made = 0
        self.calls: list[str] = []

    def cluster_id(self) -> str:
        self.faults.call()
        return self.cluster

    def topics(self, prefix: str = "") -> Mapping[str, TopicDescription]:
        self.faults.call()
        return {name: self.there[name] for name in sorted(self.there) if name.startswith(prefix)}

    def topic_ids(self, names: Iterable[str]) -> Mapping[str, str]:
        self.faults.call()
        return {name: self.there[name].id for name in names if name in self.there}

    def create_topics(self, specs: Sequence[TopicSpec]) -> Mapping[str, BrokerError | None]:
        self.faults.call()
        self.calls.append(f"create {len(specs)}")
        answers: dict[str, BrokerError | None] = {}
        for spec in specs:
            if spec.name in self.there:
                answers[spec.name] = TopicExists(f"{spec.name} exists")
            elif spec.name in self.faults.broken:
                answers[spec.name] = BrokerError(f"{spec.name} is broken")
            else:
                self.put(spec.name, dict(spec.configs))
                answers[spec.name] = None
        return answers

    def put(self, name: str, configs: dict[str, str], partitions: int = 1) -> None:
        self.made += 1
        self.there[name] = TopicDescription(name, f"id{self.made}", configs, partitions)
        self.logs[name] = []

    def set_configs(self, configs: Mapping[str, Mapping[str, str | None]]) -> Mapping[str, BrokerError | None]:
        self.faults.call()
        answers: dict[str, BrokerError | None] = {}
        for name, changed in configs.items():
            if name in self.faults.broken:
                answers[name] = BrokerError(f"{name} is broken")
                continue
            topic = self.there[name]
            merged = {**topic.configs, **changed}
            kept = {key: value for key, value in merged.items() if value is not None}
            self.there[name] = TopicDescription(name, topic.id, kept, topic.partitions)
            answers[name] = None
        return answers

    def delete_topics(self, names: Sequence[str]) -> Mapping[str, BrokerError | None]:
        self.faults.call()
        answers: dict[str, BrokerError | None] = {}
        for name in names:
            if name in self.faults.broken:
                answers[name] = BrokerError(f"{name} is broken")
            else:
                del self.there[name], self.logs[name]
                answers[name] = None
        return answers

    def offsets(self, topics: Iterable[str], at: OffsetAt | int) -> Mapping[str, int]:
        self.faults.call()
        place = {OffsetAt.EARLIEST: lambda log: 0, OffsetAt.LATEST: len}[at]  # type: ignore[index]
        return {name: place(self.logs[name]) for name in topics if name in self.logs}


class MemoryAccess:
    """Access rules. ``faults.broken`` holds the texts of rules that are refused; ``authorizer`` False: none are kept.
    ``history``: every rule granted and revoked, in order."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.there: set[AccessRule] = set()
        self.authorizer = True
        self.history: list[str] = []

    def rules(self) -> frozenset[AccessRule] | None:
        self.faults.call()
        return frozenset(self.there) if self.authorizer else None

    def grant(self, rules: Sequence[AccessRule]) -> Mapping[AccessRule, BrokerError | None]:
        self.faults.call()
        return {rule: self._done(rule, "+") for rule in rules}

    def revoke(self, rules: Sequence[AccessRule]) -> Mapping[AccessRule, BrokerError | None]:
        self.faults.call()
        return {rule: self._done(rule, "-") for rule in rules}

    def _done(self, rule: AccessRule, sign: str) -> BrokerError | None:
        if str(rule) in self.faults.broken:
            return BrokerError(f"{rule} is broken")
        self.history.append(f"{sign} {rule}")
        (self.there.add if sign == "+" else self.there.discard)(rule)
        return None

    def may(self, principal: str, kind: ResourceKind, name: str, operation: Operation) -> bool:
        """What Kafka's authorizer would say (its StandardAuthorizer; DESCRIBE follows from READ, WRITE, DELETE, ALTER)."""
        implied = {operation, Operation.ALL}
        if operation is Operation.DESCRIBE:
            implied |= {Operation.READ, Operation.WRITE, Operation.DELETE, Operation.ALTER}
        if operation is Operation.DESCRIBE_CONFIGS:
            implied.add(Operation.ALTER_CONFIGS)
        allowed = False
        for rule in self.there:
            if rule.kind is kind and rule.principal in (principal, "User:*") and rule.covers(name):
                if rule.permission is Permission.DENY and rule.operation in (operation, Operation.ALL):
                    return False
                allowed = allowed or (rule.permission is Permission.ALLOW and rule.operation in implied)
        return allowed


class MemoryWriter:
    """Writes at once; as a transactional writer, at the commit."""

    def __init__(self, admin: MemoryAdmin, transactional: bool) -> None:
        self._admin = admin
        self._transactional = transactional
        self._open: list[tuple[Receipt, Record]] = []
        self._condition = threading.Condition()

    def begin(self) -> None:
        self._open = []

    def publish(self, topic: str, record: Record, event_id: str | None = None) -> Receipt:
        receipt = Receipt(self._condition, topic, event_id)
        self._open.append((receipt, record))
        if not self._transactional:
            self._write()
        return receipt

    def commit(self) -> None:
        self._admin.faults.call()
        self._write()

    def _write(self) -> None:
        for receipt, record in self._open:
            log = self._admin.logs.get(receipt.topic)
            if self._admin.faults.gone or log is None:
                settle(self._condition, [receipt], error=TopicMissing(f"{receipt.topic} is not there"))
                continue
            settle(self._condition, [receipt], len(log), 1)
            log.append(StoredRecord(receipt.topic, len(log), 1, record.key, record.value, record.headers))
        self._open = []

    def flush(self, timeout: float | None = None) -> None:
        self._admin.faults.call()

    def close(self, timeout: float | None = None) -> None:
        self._open = []


class MemoryReader:
    """Reads assigned topics."""

    def __init__(self, admin: MemoryAdmin) -> None:
        self._admin = admin
        self._at: dict[str, int] = {}

    def assign(self, positions: Mapping[str, int]) -> None:
        self._at = dict(positions)

    def poll(self, timeout: float, max_records: int = 500) -> Sequence[Fetched]:
        self._admin.faults.call()
        found = []
        for topic, position in self._at.items():
            log = self._admin.logs[topic][position:]
            self._at[topic] = position + len(log)
            found.append(Fetched(topic, log, self._at[topic]))
        return found

    def close(self) -> None:
        self._at = {}


class MemoryBroker:
    """One region's broker."""

    def __init__(self, cluster: str = "cluster") -> None:
        self.faults = Faults()
        self.access = MemoryAccess(self.faults)
        self.admin = MemoryAdmin(self.faults, cluster)

    def writer(self, *, topics: int = 1) -> MemoryWriter:
        return MemoryWriter(self.admin, False)

    def transactional_writer(self, transactional_id: str) -> MemoryWriter:
        return MemoryWriter(self.admin, True)

    def reader(self, group: str | None = None) -> MemoryReader:
        return MemoryReader(self.admin)


class MemoryRegistry:
    """Subjects; one id per schema. ``unequal``: texts that the check finds incompatible with themselves.
    ``refused``: texts that it registers only where the subject's level is NONE. ``rewrite`` is what it makes of a text that
    it stores, as some registries do."""

    def __init__(self, first_id: int = 101, *, checks: bool = True) -> None:
        self.faults = Faults()
        self.lock = threading.Lock()
        self.by_subject: dict[str, list[SchemaText]] = {}
        self.levels: dict[str, Compatibility] = {}
        self.ids: dict[SchemaText, int] = {}
        self.first_id = first_id
        self.checks = checks
        self.unequal: set[str] = set()
        self.refused: set[str] = set()
        self.calls: list[str] = []

    def stored(self, schema: SchemaText) -> SchemaText:
        return schema

    def subjects(self, prefix: str = "") -> Sequence[str]:
        self.faults.call(RegistryUnavailable)
        return sorted(name for name in self.by_subject if name.startswith(prefix))

    def versions(self, subject: str) -> Sequence[int]:
        self.faults.call(RegistryUnavailable)
        if subject not in self.by_subject:
            raise SubjectMissing(subject)
        return range(1, len(self.by_subject[subject]) + 1)

    def version(self, subject: str, version: int) -> RegisteredSchema:
        schema = self.by_subject[subject][version - 1]
        return RegisteredSchema(subject, version, self.ids[schema], self.stored(schema))

    def by_id(self, schema_id: int) -> SchemaText:
        return self.stored(next(schema for schema, id_ in self.ids.items() if id_ == schema_id))

    def lookup(self, subject: str, schema: SchemaText) -> RegisteredSchema:
        self.calls.append("lookup")
        if schema not in self.by_subject[subject]:
            raise SchemaMissing(subject)
        return self.version(subject, self.by_subject[subject].index(schema) + 1)

    def register(self, subject: str, schema: SchemaText) -> RegisteredSchema:
        self.faults.call(RegistryUnavailable)
        with self.lock:
            self.calls.append(f"register {subject}")
            if subject in self.faults.broken:
                raise IncompatibleSchema(f"{subject} is broken")
            if schema.text in self.refused and self.levels.get(subject) is not Compatibility.NONE:
                raise IncompatibleSchema(f"{subject} does not take it")
            self.ids.setdefault(schema, self.first_id + len(self.ids))
            versions = self.by_subject.setdefault(subject, [])
            if schema not in versions:
                versions.append(schema)
            return self.version(subject, versions.index(schema) + 1)

    def compatibility(self, subject: str | None = None) -> Compatibility | None:
        return self.levels.get(subject or "")

    def set_compatibility(self, subject: str | None, level: Compatibility) -> None:
        self.faults.call(RegistryUnavailable)
        if f"level of {subject}" in self.faults.broken or f"{level.value} of {subject}" in self.faults.broken:
            raise RegistryError(f"{subject} is broken")
        self.levels[subject or ""] = level

    def check(self, subject: str, schema: SchemaText) -> Sequence[str]:
        if not self.checks:
            raise CheckUnsupported("no checker")
        return ["cannot compare"] if schema.text in self.unequal else []

    def delete_subject(self, subject: str) -> Sequence[int]:
        self.faults.call(RegistryUnavailable)
        if subject not in self.by_subject:
            raise SubjectMissing(subject)
        self.levels.pop(subject, None)
        return range(1, len(self.by_subject.pop(subject)) + 1)


class BulkMemoryRegistry(MemoryRegistry):
    """The same, with the bulk calls."""

    def states(self, prefix: str = "") -> Mapping[str, SubjectState]:
        self.faults.call(RegistryUnavailable)
        self.calls.append("states")
        return {
            name: SubjectState(
                tuple((number, self.ids[schema]) for number, schema in enumerate(schemas, start=1)),
                self.levels.get(name),
            )
            for name, schemas in self.by_subject.items()
            if name.startswith(prefix)
        }

    def register_many(self, schemas: Sequence[tuple[str, SchemaText]]) -> Sequence[RegisteredSchema | RegistryError]:
        answers: list[RegisteredSchema | RegistryError] = []
        for subject, schema in schemas:
            try:
                answers.append(self.register(subject, schema))
            except IncompatibleSchema as error:
                answers.append(error)
        return answers

    def set_compatibility_many(self, levels: Mapping[str, Compatibility]) -> None:
        self.calls.append("levels")
        for subject, level in levels.items():
            self.set_compatibility(subject, level)


class World:
    """Regions in memory, and what a test reads of them."""

    def __init__(self, *regions: str, bulk: bool = True) -> None:
        kind = BulkMemoryRegistry if bulk else MemoryRegistry
        self.brokers = {region: MemoryBroker(f"cluster-{region}") for region in regions or ("eu", "us")}
        self.registries: dict[str, Any] = {
            region: kind(first_id=100 * number + 1) for number, region in enumerate(self.brokers, start=1)
        }

    @property
    def connections(self) -> dict[str, RegionConnection]:
        return {
            region: RegionConnection(broker, self.registries[region])  # type: ignore[arg-type]
            for region, broker in self.brokers.items()
        }

    def state(self) -> dict[str, object]:
        """Everything that an apply leaves behind, but for ids, journal entries and how often a record was written."""
        out: dict[str, object] = {}
        for region, broker in self.brokers.items():
            registry = self.registries[region]
            logs = {}
            for name, log in broker.admin.logs.items():
                if name.startswith("headrace-") and "journal" not in name and "inventory" not in name:
                    values = {record.key: record.value for record in log}
                    logs[name] = {key: value for key, value in values.items() if value is not None}
            out[region] = {
                "topics": {name: dict(topic.configs) for name, topic in sorted(broker.admin.there.items())},
                "subjects": dict(sorted(registry.by_subject.items())),
                "levels": dict(sorted(registry.levels.items())),
                "rules": sorted(map(str, broker.access.there)),
                "logs": logs,
            }
        return out
