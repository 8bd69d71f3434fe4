"""Every error that Headrace raises, in one tree.

A caller catches `HeadraceError` for all of them, a branch for a kind, or a leaf for one case. Each class has a stable
``code`` (safe to match on, to log and to count: it never changes within a major) and says with ``retryable`` whether the
same call may succeed later with nothing else changed. What the error is about is in its attributes, never only in its text.
No exception of a library below (SQLite, librdkafka, a registry's HTTP client) leaves Headrace: adapters translate it and
keep it as ``__cause__``.

    HeadraceError
    +-- SettingsError                     an option is missing, unknown or malformed
    +-- CatalogueError                    a declaration repository with faults; `faults` lists all of them
    +-- DeclarationError                  the catalogue does not allow what the code asks for
    |   +-- UnknownApplication
    |   +-- UnknownProduct
    |   +-- UnknownEvent
    |   +-- UnknownTenant
    |   +-- TenantElsewhere               the tenant lives in another region
    |   +-- TenantNotSubscribed           the tenant does not take the product, or hides it from the application
    |   +-- NotAProducer
    |   +-- NotAConsumer
    |   +-- EventDeprecated               a retired event type is not published any more
    +-- EventError                        something is wrong with one event
    |   +-- InvalidEvent                  data or envelope that does not validate; `violations` lists all of them
    |   +-- UndecodableRecord             bytes that are no event: framing, encoding, unknown schema id
    |   +-- PayloadTooLarge
    +-- BrokerError
    |   +-- BrokerUnavailable             (retryable)
    |   +-- BufferFull                    (retryable) `try_publish` met the writer's bound
    |   +-- PublishTimeout                (retryable) not acknowledged in time; the record may yet be written
    |   +-- TopicMissing
    |   +-- TopicExists
    |   +-- TopicNameCollision            differs from an existing name only in '.' and '_' (Kafka refuses it)
    |   +-- InvalidTopic                  a name or a configuration that the broker does not accept
    |   +-- TopicReplaced                 the name now belongs to a topic with another id
    |   +-- OffsetOutOfRange              the log no longer (or not yet) holds the offset; `lost` names the range
    |   +-- GroupFenced                   the generation is over: the topic belongs to another member
    |   +-- GroupUnsettled                (retryable) a member has waited too long for its topics
    |   +-- GroupTooLarge                 more members and topics than the classic protocol can carry
    |   +-- WriterFenced                  another writer with the same transactional id has taken over
    |   +-- TransactionAborted            (retryable) nothing of it was written
    |   +-- AccessDenied
    |   +-- StoreCorrupt
    |   +-- Closed                        used after `close`
    +-- RegistryError
    |   +-- RegistryUnavailable           (retryable)
    |   +-- SubjectMissing
    |   +-- SchemaMissing
    |   +-- InvalidSchema
    |   +-- IncompatibleSchema
    |   +-- CheckUnsupported              the registry has no compatibility checker
    |   +-- InvalidSubject
    |   +-- SoftDeleted                   softly deleted already: only a permanent deletion is left
    |   +-- NotSoftDeleted                a permanent deletion comes after a soft one
    |   +-- NotConfigured                 no level, or no mode, of its own
    |   +-- OperationNotPermitted         an import outside of IMPORT mode, or over what is there
    |   |   +-- RegistryReadOnly          its mode, or the subject's, allows no change
    |   +-- InvalidRequest                a request to a registry server that is malformed; `error_code` says how
    |   +-- CheckFailed                   its checker gives up on these schemas, and would again
    |   +-- SchemaReferenced              another schema refers to it, so it cannot be deleted
    |   +-- RegistryAccessDenied          not signed in, or not allowed
    |   +-- UnexpectedAnswer              not what a registry answers: a proxy's page, a redirect, another API
    +-- ProvisioningError
    |   +-- StalePlan                     the world changed since the plan was made
    |   +-- PolicyRefused                 a policy or a missing permission of the caller forbids the change
    |   +-- PartialApply                  some changes failed; `failures` lists them
    |   +-- ApplyInterrupted              (retryable) stopped half-way; the next apply resumes
    |   +-- WrongCluster                  not the cluster or the region that the declaration names
    +-- HandlerError
    |   +-- LaneStopped                   one tenant's lane stands still, and why
    |   +-- TooManyRejects                a lane's limit on dead letters was met
    |   +-- HandlerMisdeclared            the handler's signature does not fit its registration
    |   +-- ReceiptHeld                   a transactional handler waited for what is written when it has returned
    +-- DemoError                         the demo cannot go on
        +-- ApplicationFailed             one of its applications has ended by itself
        +-- DemoStuck                     its applications run, but nothing moves
        +-- ClusterInUse                  the cluster that it was given holds what is not the demo's
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong in a declaration repository.

    ``path`` is relative to the repository, with forward slashes; ``line`` and ``column`` count from 1 (0: the whole
    file). ``code`` is stable (``HR101``...); ``message`` says what is wrong, ``hint`` what to do.
    """

    path: str
    line: int
    column: int
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.path}:{self.line}: {self.code} {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with an event. ``path`` is a JSON path from the envelope's root (``data.lines[3].quantity``;
    ``$`` is the envelope itself); ``rule`` the schema keyword that refused it (``required``, ``type``...)."""

    path: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class HeadraceError(Exception):
    """The root. ``code`` is stable; ``retryable``: the same call may succeed later, with nothing else changed."""

    code: ClassVar[str] = "headrace"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str | None = None, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        """What to do about it, in one sentence, where there is something."""
        self.data: Mapping[str, Any] = data
        """The values the error is about (names, offsets, sizes); JSON-safe, never a secret."""

    def __getattr__(self, name: str) -> Any:
        # The data are attributes too: `error.tenant` reads better than `error.data["tenant"]`.
        data = self.__dict__.get("data", {})
        if name in data:
            return data[name]
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.hint, dict(self.data)))

    def to_json(self) -> dict[str, Any]:
        """A JSON object: ``code``, ``message``, ``retryable``, ``hint`` where there is one, and the data."""
        out: dict[str, Any] = {"code": self.code, "message": self.message, "retryable": self.retryable}
        if self.hint:
            out["hint"] = self.hint
        return out | {key: value for key, value in self.data.items() if key not in out}


def _rebuild(cls: type[HeadraceError], message: str, hint: str | None, data: dict[str, Any]) -> HeadraceError:
    error = cls.__new__(cls)
    HeadraceError.__init__(error, message, hint=hint, **data)
    return error


class SettingsError(HeadraceError):
    code = "settings"


class CatalogueError(HeadraceError):
    """A declaration repository with faults. ``faults``: every one of them, in file and line order."""

    code = "catalogue.invalid"

    def __init__(self, faults: Sequence[Fault], *, hint: str | None = None) -> None:
        noun = "fault" if len(faults) == 1 else "faults"
        first = f"; first: {faults[0]}" if faults else ""
        super().__init__(
            f"the catalogue has {len(faults)} {noun}{first}",
            hint=hint or "run `headrace check` for all of them",
            faults=tuple(faults),
        )


# --- the catalogue does not allow it -------------------------------------------------------------------------------


class DeclarationError(HeadraceError):
    code = "declaration"


class UnknownApplication(DeclarationError):
    code = "declaration.unknown-application"


class UnknownProduct(DeclarationError):
    code = "declaration.unknown-product"


class UnknownEvent(DeclarationError):
    code = "declaration.unknown-event"


class UnknownTenant(DeclarationError):
    code = "declaration.unknown-tenant"


class TenantElsewhere(DeclarationError):
    code = "declaration.tenant-elsewhere"


class TenantNotSubscribed(DeclarationError):
    code = "declaration.tenant-not-subscribed"


class NotAProducer(DeclarationError):
    code = "declaration.not-a-producer"


class NotAConsumer(DeclarationError):
    code = "declaration.not-a-consumer"


class EventDeprecated(DeclarationError):
    code = "declaration.event-deprecated"


# --- one event -----------------------------------------------------------------------------------------------------


class EventError(HeadraceError):
    code = "event"


class InvalidEvent(EventError):
    """Data or an envelope that does not validate. ``violations``: every one, each with its JSON path."""

    code = "event.invalid"

    def __init__(
        self, message: str, violations: Sequence[Violation] = (), *, hint: str | None = None, **data: Any
    ) -> None:
        listed = "; ".join(str(v) for v in violations[:5])
        more = f"; and {len(violations) - 5} more" if len(violations) > 5 else ""
        super().__init__(
            f"{message}: {listed}{more}" if violations else message, hint=hint, violations=tuple(violations), **data
        )


class UndecodableRecord(EventError):
    code = "event.undecodable"


class PayloadTooLarge(EventError):
    """``size`` and ``limit``, both bytes of the framed value."""

    code = "event.too-large"


# --- the broker ----------------------------------------------------------------------------------------------------


class BrokerError(HeadraceError):
    code = "broker"


class BrokerUnavailable(BrokerError):
    code = "broker.unavailable"
    retryable = True


class BufferFull(BrokerError):
    code = "broker.buffer-full"
    retryable = True


class PublishTimeout(BrokerError):
    code = "broker.publish-timeout"
    retryable = True


class TopicMissing(BrokerError):
    code = "broker.topic-missing"


class TopicExists(BrokerError):
    code = "broker.topic-exists"


class TopicNameCollision(BrokerError):
    code = "broker.topic-name-collision"


class InvalidTopic(BrokerError):
    code = "broker.invalid-topic"


class TopicReplaced(BrokerError):
    code = "broker.topic-replaced"


class OffsetOutOfRange(BrokerError):
    code = "broker.offset-out-of-range"


class GroupFenced(BrokerError):
    code = "broker.group-fenced"


class GroupUnsettled(BrokerError):
    code = "broker.group-unsettled"
    retryable = True


class GroupTooLarge(BrokerError):
    """``size`` and ``limit``: members x bytes of the topics' names."""

    code = "broker.group-too-large"


class WriterFenced(BrokerError):
    code = "broker.writer-fenced"


class TransactionAborted(BrokerError):
    code = "broker.transaction-aborted"
    retryable = True


class AccessDenied(BrokerError):
    code = "broker.access-denied"


class StoreCorrupt(BrokerError):
    code = "broker.store-corrupt"


class Closed(BrokerError):
    code = "broker.closed"


# --- the registry --------------------------------------------------------------------------------------------------


class RegistryError(HeadraceError):
    code = "registry"


class RegistryUnavailable(RegistryError):
    code = "registry.unavailable"
    retryable = True


class SubjectMissing(RegistryError):
    code = "registry.subject-missing"


class SchemaMissing(RegistryError):
    code = "registry.schema-missing"


class InvalidSchema(RegistryError):
    code = "registry.invalid-schema"


class IncompatibleSchema(RegistryError):
    code = "registry.incompatible-schema"


class CheckUnsupported(RegistryError):
    code = "registry.check-unsupported"


class InvalidSubject(RegistryError):
    code = "registry.invalid-subject"


class SoftDeleted(RegistryError):
    """``subject``, and ``version`` where it is about one."""

    code = "registry.soft-deleted"


class NotSoftDeleted(RegistryError):
    """``subject``, and ``version`` where it is about one."""

    code = "registry.not-soft-deleted"


class NotConfigured(RegistryError):
    """``subject``, and ``setting``: ``compatibility`` or ``mode``."""

    code = "registry.not-configured"


class OperationNotPermitted(RegistryError):
    code = "registry.not-permitted"


class RegistryReadOnly(OperationNotPermitted):
    code = "registry.read-only"


class InvalidRequest(RegistryError):
    """``error_code``: Confluent's number for what is malformed."""

    code = "registry.invalid-request"


class CheckFailed(RegistryError):
    code = "registry.check-failed"


class SchemaReferenced(RegistryError):
    code = "registry.schema-referenced"


class RegistryAccessDenied(RegistryError):
    code = "registry.access-denied"


class UnexpectedAnswer(RegistryError):
    code = "registry.unexpected-answer"


# --- provisioning --------------------------------------------------------------------------------------------------


class ProvisioningError(HeadraceError):
    code = "provisioning"


class StalePlan(ProvisioningError):
    code = "provisioning.stale-plan"


class PolicyRefused(ProvisioningError):
    code = "provisioning.policy-refused"


class PartialApply(ProvisioningError):
    code = "provisioning.partial"


class ApplyInterrupted(ProvisioningError):
    code = "provisioning.interrupted"
    retryable = True


class WrongCluster(ProvisioningError):
    code = "provisioning.wrong-cluster"


# --- handlers ------------------------------------------------------------------------------------------------------


class HandlerError(HeadraceError):
    code = "handler"


class LaneStopped(HandlerError):
    code = "handler.lane-stopped"


class TooManyRejects(HandlerError):
    code = "handler.too-many-rejects"


class HandlerMisdeclared(HandlerError):
    code = "handler.misdeclared"


class ReceiptHeld(HandlerError):
    code = "handler.receipt-held"


# --- the demo ------------------------------------------------------------------------------------------------------


class DemoError(HeadraceError):
    code = "demo"


class ApplicationFailed(DemoError):
    """``application`` and ``region``: which one. The message ends with the last lines of its log."""

    code = "demo.application-failed"


class DemoStuck(DemoError):
    code = "demo.stuck"


class ClusterInUse(DemoError):
    """``region``, and ``topics``: those of somebody else."""

    code = "demo.cluster-in-use"
