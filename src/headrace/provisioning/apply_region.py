"""One region's part of an apply: its changes in the plan's order, in batches of one kind, with journal and inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import cast

from headrace.clock import Clock
from headrace.errors import BrokerError, HeadraceError, RegistryError, StalePlan
from headrace.interfaces.access import AccessAdmin
from headrace.interfaces.broker import RecordWriter, TopicSpec
from headrace.model.record import Record
from headrace.provisioning import bulk
from headrace.provisioning.changes import (
    DELETIONS,
    AdoptAccess,
    AdoptSubject,
    AdoptTopic,
    Change,
    CreateTopic,
    DeleteSubject,
    DeleteTopic,
    DenyAccess,
    Forget,
    GrantAccess,
    PublishCatalogue,
    RegisterSchema,
    RevokeAccess,
    SetCompatibility,
    SetConfigs,
)
from headrace.provisioning.compile import with_schema_ids
from headrace.provisioning.desired import PLATFORM, DesiredRegion
from headrace.provisioning.exceptions import lifted
from headrace.provisioning.inventory import Entry, Resource, entry_record, write_inventory
from headrace.provisioning.journal import JournalEntry, Outcome, write_entry
from headrace.provisioning.observed import ObservedRegion, RegionConnection
from headrace.provisioning.plan import registered_ids
from headrace.provisioning.publish import publish_catalogue

Answers = Mapping[str, HeadraceError]
"""Of a batch, the changes that failed, by key."""

_AFTER_ALL = (PublishCatalogue, Forget, *DELETIONS, RevokeAccess)
"""Held back when something before them failed: the catalogue in force stands until what a new one names is there."""


@dataclass(frozen=True)
class Step:
    """For a progress bar: in ``region``, ``count`` more changes are behind us; ``label`` names the last one."""

    region: str
    label: str
    count: int


@dataclass
class RegionApply:
    """Call `run` once, then read ``done``, ``failures`` (text by the change's key), ``skipped``, ``interrupted``."""

    changes: Sequence[Change]
    wanted: DesiredRegion
    found: ObservedRegion
    connection: RegionConnection
    apply_id: str
    plan_hash: str
    commit: str | None
    clock: Clock
    stop: Callable[[], bool]
    progress: Callable[[Step], None]
    batch: int
    done: int = 0
    skipped: int = 0
    interrupted: bool = False
    failures: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._region = self.wanted.region.id
        self._ids = dict(registered_ids(self.wanted, self.found))
        self._broken_subjects: set[str] = set()
        self._made_topics: list[CreateTopic | AdoptTopic] = []
        self._entries: list[Record] = []
        self._lost: HeadraceError | None = None
        self._writer: RecordWriter | None = None
        self._stands_open = False  # a denial failed: nothing is made that it was to guard

    def run(self) -> None:
        """Never raises a `HeadraceError`: what goes wrong is in ``failures``."""
        # The journal's own topic may be among what is to be made, so Headrace's topics come before the first entry.
        platform = [c for c in self.changes if c.product == PLATFORM and isinstance(c, CreateTopic)]
        self._run_batch(platform)
        if self.failures:
            self.skipped += len(self.changes) - len(platform)
            return
        try:
            self._writer = writer = self.connection.broker.writer()
            try:
                self._journal(writer, Outcome.RUNNING)
                self._run_rest(writer)
                self._journal(writer, self._outcome())
            finally:
                writer.close(60)
        except HeadraceError as error:
            self.failures["journal and inventory"] = explain(error)

    def _run_rest(self, writer: RecordWriter) -> None:
        rest = [c for c in self.changes if not (c.product == PLATFORM and isinstance(c, CreateTopic))]
        behind = 0
        try:
            for batch in self._batches(rest):
                held_back = bool(self.failures) and isinstance(batch[0], _AFTER_ALL)
                if held_back or self._lost is not None or self._stands_open:
                    break
                if self.stop():
                    self.interrupted = True
                    break
                behind += len(batch)
                failed = self._run_batch(batch)
                self._journal(writer, Outcome.RUNNING, batch, failed)
        finally:
            if not self.interrupted:
                self.skipped += len(rest) - behind
            self._keep_inventory()

    def _batches(self, changes: Iterable[Change]) -> Iterator[list[Change]]:
        for kind, run in groupby(changes, key=type):
            whole = list(run)
            for start in range(0, len(whole), self.batch):
                yield whole[start : start + self.batch]
            if kind in (CreateTopic, AdoptTopic):
                self._enter_topics()

    def _run_batch(self, batch: Sequence[Change]) -> dict[str, str]:
        """Carry out changes of one kind; those that failed, by key, in words."""
        if not batch:
            return {}
        try:
            answers = self._carry_out(batch)
        except HeadraceError as error:
            answers = {change.key: error for change in batch}
            if error.retryable:
                self._lost = error  # the broker or the registry is gone: the rest would fail one by one
        failed = {key: explain(error) for key, error in answers.items()}
        self.failures |= failed
        self._stands_open = self._stands_open or (bool(failed) and isinstance(batch[0], DenyAccess))
        self.done += len(batch) - len(failed)
        self.progress(Step(self._region, batch[-1].key, len(batch)))
        return failed

    def _carry_out(self, batch: Sequence[Change]) -> Answers:
        first = batch[0]
        if isinstance(first, CreateTopic):
            return self._create_topics(cast("Sequence[CreateTopic]", batch))
        if isinstance(first, AdoptTopic):
            self._made_topics += cast("Sequence[AdoptTopic]", batch)
            return {}
        if isinstance(first, SetConfigs):
            configs = {c.name: c.new for c in cast("Sequence[SetConfigs]", batch)}
            return self._by_key(batch, self.connection.broker.admin.set_configs(configs))
        if isinstance(first, SetCompatibility):
            levels = {c.name: c.new for c in cast("Sequence[SetCompatibility]", batch)}
            errors = bulk.set_compatibility(self.connection.registry, levels)
            self._broken_subjects |= {c.name for c, error in zip(batch, errors, strict=True) if error is not None}
            return {c.key: error for c, error in zip(batch, errors, strict=True) if error is not None}
        if isinstance(first, RegisterSchema):
            return self._register(cast("Sequence[RegisterSchema]", batch))
        if isinstance(first, AdoptSubject):
            self._enter_subjects(batch)
            return {}
        if isinstance(first, AdoptAccess):
            self._entries += _rule_entries(cast("Sequence[AdoptAccess]", batch))
            return {}
        if isinstance(first, DenyAccess | GrantAccess):
            return self._grant(cast("Sequence[DenyAccess | GrantAccess]", batch))
        if isinstance(first, RevokeAccess):
            return self._revoke(cast("Sequence[RevokeAccess]", batch))
        if isinstance(first, PublishCatalogue):
            compiled = with_schema_ids(self.wanted.compiled, self._ids)
            publish_catalogue(self.connection.broker, compiled, self.clock)
            return {}
        if isinstance(first, Forget):
            forgotten = cast("Sequence[Forget]", batch)
            self._entries += [entry_record(cast("Resource", c.resource), c.name, None) for c in forgotten]
            return {}
        if isinstance(first, DeleteSubject):
            return self._delete_subjects(batch)
        return self._delete_topics(cast("Sequence[DeleteTopic]", batch))

    def _create_topics(self, batch: Sequence[CreateTopic]) -> Answers:
        answers = self.connection.broker.admin.create_topics([TopicSpec(c.name, c.configs) for c in batch])
        self._made_topics += [c for c in batch if answers.get(c.name) is None]
        return self._by_key(batch, answers)

    def _register(self, batch: Sequence[RegisterSchema]) -> Answers:
        """In rounds of one schema version: a version is not tried where an earlier one of its subject has failed,
        because the registry would number it in the earlier one's place."""
        failed: dict[str, HeadraceError] = {}
        for version in sorted({change.version for change in batch}):
            this_round = []
            for change in batch:
                if change.version != version:
                    continue
                if change.name in self._broken_subjects:
                    failed[change.key] = RegistryError("not tried, because an earlier step of this subject failed")
                else:
                    this_round.append(change)
            levels = {c.name: self.wanted.subjects[c.name].compatibility for c in this_round}
            with lifted(self.connection.registry, this_round, levels, self._note, failed):
                self._register_round([c for c in this_round if c.key not in failed], failed)
            self._broken_subjects |= {c.name for c in this_round if c.key in failed}
        self._enter_subjects([c for c in batch if c.key not in failed and c.version == 1])
        return failed

    def _register_round(self, changes: Sequence[RegisterSchema], failed: dict[str, HeadraceError]) -> None:
        schemas = [(c.name, self.wanted.subjects[c.name].schemas[c.version - 1].text) for c in changes]
        for change, answer in zip(changes, bulk.register(self.connection.registry, schemas), strict=True):
            if isinstance(answer, RegistryError):
                failed[change.key] = answer
            else:
                place = (change.product, change.version)
                self._ids[place] = min(answer.id, self._ids.get(place, answer.id))

    def _delete_subjects(self, batch: Sequence[Change]) -> Answers:
        failed: dict[str, HeadraceError] = {}
        for change in batch:
            try:
                self.connection.registry.delete_subject(change.name)
            except RegistryError as error:
                failed[change.key] = error
        self._entries += [entry_record("subject", c.name, None) for c in batch if c.key not in failed]
        return failed

    def _delete_topics(self, batch: Sequence[DeleteTopic]) -> Answers:
        there = self.connection.broker.admin.topics()
        failed: dict[str, HeadraceError] = {}
        meant = []
        for change in batch:
            topic = there.get(change.name)
            if topic is not None and topic.id != change.id:
                failed[change.key] = StalePlan(
                    f"{change.name} is another topic now than the one that was to be deleted"
                )
            elif topic is not None:
                meant.append(change)
        if meant:
            failed |= self._by_key(meant, self.connection.broker.admin.delete_topics([c.name for c in meant]))
        self._entries += [entry_record("topic", c.name, None) for c in batch if c.key not in failed]
        return failed

    def _grant(self, batch: Sequence[DenyAccess | GrantAccess]) -> Answers:
        """Entered in the inventory first: a rule that is made and of which nobody knows would never be revoked."""
        access = self._access()
        write_inventory(self.connection.broker, _rule_entries(batch))
        answers = access.grant([c.rule for c in batch])
        return {c.key: error for c in batch if (error := answers.get(c.rule)) is not None}

    def _revoke(self, batch: Sequence[RevokeAccess]) -> Answers:
        answers = self._access().revoke([c.rule for c in batch])
        failed = {c.key: error for c in batch if (error := answers.get(c.rule)) is not None}
        self._entries += [entry_record("rule", c.name, None) for c in batch if c.key not in failed]
        return failed

    def _access(self) -> AccessAdmin:
        access = self.connection.broker.access
        if access is None:  # a plan for another broker
            raise BrokerError(f"the broker of region {self._region} keeps no access rules")
        return access

    @staticmethod
    def _by_key(batch: Sequence[Change], answers: Mapping[str, BrokerError | None]) -> dict[str, HeadraceError]:
        return {c.key: error for c in batch if (error := answers.get(c.name)) is not None}

    def _enter_topics(self) -> None:
        """Note what was made or adopted, with the ids that the cluster gave: one look at it for all of them."""
        if not self._made_topics:
            return
        there = self.connection.broker.admin.topics()
        for change in self._made_topics:
            topic = there.get(change.name)
            if topic is not None:
                entry = Entry(change.product, change.tenant, topic.id)
                self._entries.append(entry_record("topic", change.name, entry))
        self._made_topics = []

    def _enter_subjects(self, changes: Sequence[Change]) -> None:
        self._entries += [entry_record("subject", c.name, Entry(c.product, c.tenant)) for c in changes]

    def _keep_inventory(self) -> None:
        self._enter_topics()
        if self._entries:
            write_inventory(self.connection.broker, self._entries)
            self._entries = []

    def _outcome(self) -> Outcome:
        if self.interrupted:
            return Outcome.INTERRUPTED
        return Outcome.PARTIAL if self.failures else Outcome.APPLIED

    def _note(self, exceptions: Sequence[str]) -> None:
        assert self._writer is not None
        self._journal(self._writer, Outcome.RUNNING, exceptions=exceptions)

    def _journal(
        self,
        writer: RecordWriter,
        outcome: Outcome,
        batch: Sequence[Change] = (),
        failed: Mapping[str, str] | None = None,
        exceptions: Sequence[str] = (),
    ) -> None:
        entry = JournalEntry(
            apply=self.apply_id,
            plan=self.plan_hash,
            commit=self.commit,
            outcome=outcome,
            total=len(self.changes),
            done=self.done,
            failed=len(self.failures),
            time=self.clock.now_ms(),
            step=tuple(change.key for change in batch),
            failures=dict(failed or {}),
            exceptions=tuple(exceptions),
        )
        write_entry(writer, entry)


def _rule_entries(changes: Iterable[AdoptAccess | DenyAccess | GrantAccess]) -> list[Record]:
    return [entry_record("rule", c.name, Entry(c.product, c.tenant, rule=c.rule)) for c in changes]


def explain(error: HeadraceError) -> str:
    """An error as one line of a list of failures."""
    return f"{error.message} [{error.code}]"
