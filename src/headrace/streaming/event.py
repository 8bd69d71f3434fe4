"""An event as a handler sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic

from headrace.envelope.envelope import Envelope
from headrace.model.record import StoredRecord

# `Event` alone means Event[dict[str, Any]]. TypeVar's default is PEP 696, which Python has from 3.13 on; type checkers know
# it from typing_extensions, which nothing then has to import.
if TYPE_CHECKING:
    from typing_extensions import TypeVar

    T_co = TypeVar("T_co", covariant=True, default=dict[str, Any])
else:
    from typing import TypeVar

    T_co = TypeVar("T_co", covariant=True)


_new: Callable[[type[Any]], Any] = object.__new__


class Handing:
    """What the events of one handing out have in common."""

    __slots__ = ("attempt", "fence", "region", "tenant")

    def __init__(self, tenant: str, region: str, fence: int = 0, attempt: int = 1) -> None:
        self.tenant = tenant
        self.region = region
        self.fence = fence
        self.attempt = attempt


class Event(Generic[T_co]):
    """One event: its envelope, its data, and where in the log it stands.

    ``data`` is a dict, or the typed model that the consumer asked for; None where the event is the deletion of a key of a
    state product (`deleted`). ``attempt`` counts from 1 and grows when the event is handed out again.
    """

    __slots__ = ("_envelope", "_handing", "_rejected", "data", "name", "record")

    def __init__(
        self,
        envelope: Envelope,
        data: T_co,
        *,
        name: str,
        tenant: str,
        region: str,
        record: StoredRecord,
        fence: int = 0,
        attempt: int = 1,
    ) -> None:
        self._envelope = envelope
        self._rejected: str | None = None
        self._handing = Handing(tenant, region, fence, attempt)
        self.data = data
        self.name = name
        self.record = record

    @classmethod
    def handed(cls, handing: Handing, envelope: Envelope, data: Any, name: str, record: StoredRecord) -> Event[Any]:
        """As the constructor, for one of many that are handed out together."""
        event: Event[Any] = _new(cls)
        event._envelope = envelope
        event._rejected = None
        event._handing = handing
        event.data = data
        event.name = name
        event.record = record
        return event

    # --- the envelope

    @property
    def id(self) -> str:
        """Unique with `source`: the same pair again is the same event again."""
        return self._envelope.id

    @property
    def type(self) -> str:
        """``com.example.order-proposal.created.v1``; `name` is the declared ``OrderProposalCreated``."""
        return self._envelope.type

    @property
    def source(self) -> str:
        """``/applications/data-api``."""
        return self._envelope.source

    @property
    def time(self) -> datetime:
        """When the fact occurred, with its offset from UTC. The log's own time is `timestamp`. A leap second, which RFC 3339
        has and `datetime` has not, is the second after it."""
        text = self._envelope.time.upper()
        if text[17:19] == "60":
            return datetime.fromisoformat(f"{text[:17]}59{text[19:]}") + timedelta(seconds=1)
        return datetime.fromisoformat(text)

    @property
    def subject(self) -> str | None:
        return self._envelope.subject

    @property
    def meta(self) -> Mapping[str, Any]:
        return self._envelope.meta

    @property
    def envelope(self) -> Envelope:
        """All of it, as it was written."""
        return self._envelope

    # --- from meta

    @property
    def tenant(self) -> str:
        return self._handing.tenant

    @property
    def product(self) -> str:
        return str(self._envelope.meta["product"])

    @property
    def application(self) -> str:
        """The application that produced it."""
        return str(self._envelope.meta["application"])

    @property
    def schema_version(self) -> int:
        """The product's schema version that it was written with."""
        return int(self._envelope.meta["schemaVersion"])

    @property
    def correlation_id(self) -> str | None:
        return self._envelope.meta.get("correlationId")

    @property
    def causation_id(self) -> str | None:
        return self._envelope.meta.get("causationId")

    @property
    def traceparent(self) -> str | None:
        return self._envelope.meta.get("traceparent")

    # --- the log

    @property
    def topic(self) -> str:
        return self.record.topic

    @property
    def offset(self) -> int:
        return self.record.offset

    @property
    def timestamp(self) -> int:
        """When the log took it, in ms since 1970 (LogAppendTime)."""
        return self.record.timestamp

    @property
    def key(self) -> bytes | None:
        return self.record.key

    @property
    def deleted(self) -> bool:
        """It deletes its key (state products); `data` is None."""
        return self.record.value is None

    # --- the handing out

    @property
    def region(self) -> str:
        """The one that this process serves."""
        return self._handing.region

    @property
    def fence(self) -> int:
        """The generation: grows with every change of the topic's holder in the group."""
        return self._handing.fence

    @property
    def attempt(self) -> int:
        """1 for the first time."""
        return self._handing.attempt

    # --- the outcome

    def reject(self, reason: str) -> None:
        """Send this one event to the dead letter when the handler returns; the others of the batch are accepted."""
        self._rejected = reason

    def __repr__(self) -> str:
        return f"<Event {self.name} {self.id} {self.topic}@{self.offset}>"
