"""The declarations as pydantic models, one for each kind: the shape, and nothing that needs a second declaration to judge.

A model's JSON Schema is what `headrace schema` publishes. An instance may be *partial* (see `shape`): a field that the text
has wrong is not set then, and touching it raises `FaultyField`, which ends the rule that asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr
from pydantic import WithJsonSchema as Published
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from headrace.catalogue import quantities
from headrace.catalogue.codes import Code
from headrace.catalogue.secrets import reference_problem
from headrace.model import names
from headrace.model.product import Criticality, Pattern, Status, TopicKind, Version
from headrace.model.schema import Compatibility, Framing, SchemaFormat

API_VERSION = "headrace/v1"


class FaultyField(AttributeError):
    """A field whose text is wrong, and has been reported as that: nothing more can be said of it."""


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, use_attribute_docstrings=True)

    if not TYPE_CHECKING:  # a type checker would take any attribute for known

        def __getattr__(self, name: str) -> Any:
            if name in type(self).__pydantic_fields__:
                raise FaultyField(name)
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")


def _refused(code: Code, said: str) -> PydanticCustomError:
    return PydanticCustomError("headrace", "{said}", {"code": code.code, "said": said})


def _text(code: Code, parse: Callable[[str], Any], what: str) -> BeforeValidator:
    """A value that is read from a text (or a whole number); what ``parse`` refuses becomes a fault with ``code``."""

    def validate(value: Any) -> Any:
        if isinstance(value, str | int) and not isinstance(value, bool):
            with suppress(ValueError):
                return parse(str(value))
        raise _refused(code, f"{json.dumps(value, ensure_ascii=False, default=str)} is no {what}")

    return BeforeValidator(validate)


def _problem(code: Code, problem: Callable[[str], str | None], what: str = "") -> AfterValidator:
    """A text that ``problem`` finds nothing wrong with."""

    def validate(text: str) -> str:
        found = problem(text)
        if found:
            raise _refused(code, f"{what} {text!r} {found}" if what else found)
        return text

    return AfterValidator(validate)


def _path_problem(text: str) -> str | None:
    return None if quantities.is_data_path(text) else f"{text!r} is no path"


def _one_region(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise _refused(Code.ONE_REGION, f"'region' holds {len(value)} values")
    return value


Text = Annotated[StrictStr, Field(min_length=1, max_length=4000)]
Identifier = Annotated[
    Text,
    _problem(Code.IDENTIFIER, names.identifier_problem, "the id"),
    Field(json_schema_extra={"pattern": "^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$"}),
]
EventName = Annotated[
    Text,
    _problem(Code.EVENT_NAME, names.event_name_problem, "the event name"),
    Field(json_schema_extra={"pattern": "^[A-Z][A-Za-z0-9]{0,99}$"}),
]
DataPath = Annotated[Text, _problem(Code.DATA_PATH, _path_problem)]
SecretReference = Annotated[
    Text, _problem(Code.SECRET, reference_problem), Field(json_schema_extra={"pattern": "^(env|vault|file):.+$"})
]
CronSchedule = Annotated[Text, _problem(Code.SCHEDULE, quantities.schedule_problem, "the schedule")]
Duration = Annotated[
    int,
    _text(Code.DURATION, quantities.duration_ms, "duration"),
    Published({"type": "string", "pattern": f"^{quantities.DURATION}$", "examples": ["30s", "15m", "7d"]}),
]
Size = Annotated[
    int,
    Field(ge=1024, le=20 * 1024 * 1024),
    _text(Code.SIZE, quantities.size_bytes, "size"),
    Published(
        {"type": ["integer", "string"], "pattern": f"^{quantities.SIZE}$", "examples": ["1MiB", "64kB", 1048576]}
    ),
]
SemanticVersion = Annotated[
    Version,
    _text(Code.VERSION, quantities.version, "version"),
    Published({"type": "string", "pattern": f"^{quantities.VERSION}$", "examples": ["1.0.0"]}),
]
Day = Annotated[date, _text(Code.DATE, quantities.day, "date"), Published({"type": "string", "format": "date"})]
Start = Annotated[
    str,
    _text(Code.START, quantities.start, "start"),
    Published({"anyOf": [{"enum": ["earliest", "latest"]}, {"type": "string", "format": "date-time"}]}),
]
Audience = Literal["customers"]
Draft = Literal["draft-07", "2019-09", "2020-12"]
Profile = Literal["confluent", "confluent-lenient", "karapace", "apicurio"]


Principal = Annotated[Text, Field(pattern=r"^User:[^\s*]+$")]


def _draft_07() -> list[Draft]:
    return ["draft-07"]


# --- headrace.yaml -------------------------------------------------------------------------------------------------


class EmbeddedCluster(Document):
    kind: Literal["embedded"]
    path: Text
    """The folder of its store, relative to the repository; made when it is first used."""


class KafkaCluster(Document):
    kind: Literal["kafka"]
    bootstrap: Annotated[Text, Field(pattern=r"^[^\s,/@]+:[0-9]{1,5}(,[^\s,/@]+:[0-9]{1,5})*$")]
    """Some of its brokers, host:port with commas between them."""
    cluster_id: Text | None = None
    """The id that the cluster must answer with, so that a plan never meets the wrong one."""
    properties: dict[Text, StrictStr | StrictInt | StrictBool] = Field(default_factory=dict)
    """Further settings of the client, by librdkafka's names. Secrets as env:NAME, vault:PATH or file:PATH."""
    operators: list[Principal] = Field(default_factory=list)
    """Principals that belong to no application and have access rules of their own (who applies, who watches): their rules
    are not Headrace's, and no drift."""


class EmbeddedRegistry(Document):
    kind: Literal["embedded"]
    drafts: list[Draft] = Field(default_factory=_draft_07)
    """The drafts of JSON Schema that may be registered."""
    framing: Framing = Framing.PREFIX
    """Where a record says which schema it was written with: before its value, or in a header."""
    profile: Profile = "confluent"
    """The registry as which it decides what is compatible: the one of production."""


class HttpRegistry(Document):
    kind: Literal["http"]
    url: Annotated[Text, Field(pattern=r"^https?://[^\s]+$")]
    """Where it answers (Confluent's REST API)."""
    drafts: list[Draft] = Field(default_factory=_draft_07)
    """The drafts of JSON Schema that it can compare."""
    framing: Framing = Framing.PREFIX
    """Where a record says which schema it was written with: before its value, or in a header."""
    profile: Profile = "confluent"
    """Which registry it is, so that its answers can be foretold."""
    properties: dict[Text, StrictStr | StrictInt | StrictBool] = Field(default_factory=dict)
    """Further settings. Secrets as env:NAME, vault:PATH or file:PATH."""


class RegionDocument(Document):
    name: Text | None = None
    cluster: Annotated[EmbeddedCluster | KafkaCluster, Field(discriminator="kind")]
    registry: Annotated[EmbeddedRegistry | HttpRegistry, Field(discriminator="kind")]


class NamingDocument(Document):
    event_type_prefix: Annotated[Text, Field(pattern=r"^[a-z0-9]+(?:[.-][a-z0-9]+)*\.$")] | None = None
    """What every event type begins with, closing dot included (com.example.)."""


class DefaultsDocument(Document):
    compatibility: Compatibility = Compatibility.FORWARD_TRANSITIVE
    retention: Duration = 7 * 86_400_000
    """Of log topics."""
    max_bytes: Size = 1024 * 1024
    """The largest record's value."""


class PoliciesDocument(Document):
    max_deletes: Annotated[StrictInt, Field(ge=0, le=100_000)] = 0
    """How many topics and subjects one apply may delete at all."""


class RepositoryDocument(Document):
    kinds: ClassVar[tuple[str, ...]] = ("Repository",)
    api_version: Literal["headrace/v1"]
    kind: Literal["Repository"]
    name: Identifier
    description: Text | None = None
    regions: Annotated[dict[Text, RegionDocument], Field(min_length=1)]
    naming: NamingDocument = Field(default_factory=NamingDocument)
    defaults: DefaultsDocument = Field(default_factory=DefaultsDocument)
    policies: PoliciesDocument = Field(default_factory=PoliciesDocument)


# --- applications and tenants --------------------------------------------------------------------------------------


class PrincipalDocument(Document):
    principal: Principal
    """As Kafka's access rules write it: User:NAME."""
    credentials: SecretReference
    """Where its credentials are found (env:NAME, vault:PATH, file:PATH), never a value."""


class ApplicationDocument(Document):
    kinds: ClassVar[tuple[str, ...]] = ("Application",)
    api_version: Literal["headrace/v1"]
    kind: Literal["Application"]
    id: Identifier
    name: Text
    description: Text | None = None
    team: Text
    contact: Text
    external: StrictBool = False
    """It is not on Headrace's SDK."""
    regions: dict[Text, PrincipalDocument] = Field(default_factory=dict)
    """By region, its principal there."""


class TenantPrincipalDocument(PrincipalDocument):
    products: Annotated[list[Text], Field(min_length=1)]
    """The ids of the products that it reads, of those that the tenant takes."""


class TenantDocument(Document):
    kinds: ClassVar[tuple[str, ...]] = ("Tenant",)
    api_version: Literal["headrace/v1"]
    kind: Literal["Tenant"]
    id: Identifier
    name: Text
    description: Text | None = None
    region: Annotated[Text, BeforeValidator(_one_region)]
    """The one region where its data lives."""
    products: list[Text] = Field(default_factory=lambda: ["*"])
    """The ids of the products that it takes; ["*"]: all."""
    applications: Annotated[list[Text], Field(min_length=1)] | None = None
    """The applications that may see its data; absent: all."""
    principals: list[TenantPrincipalDocument] = Field(default_factory=list)
    """Principals of the tenant's own, which read its topics from Kafka themselves."""


# --- products ------------------------------------------------------------------------------------------------------


class DescriptionDocument(Document):
    purpose: Text
    limitations: Text = ""


class DataProductOwnerDocument(Document):
    name: Text
    since: Day


class OwnershipDocument(Document):
    pattern: Pattern
    team: Text
    data_product_owner: DataProductOwnerDocument | None = None
    """Who answers for a many-to-many product."""


class DeprecationDocument(Document):
    since: Day
    sunset: Day
    """The last day it works."""
    successor: Text
    """What to move to: a product (ID or ID.vMAJOR), or an event of this product."""


class ProducerDocument(Document):
    application: Text
    events: Annotated[list[Text], Field(min_length=1)]
    schema_version: Annotated[StrictInt, Field(ge=1)]
    """The product's schema version that it writes."""
    external: StrictBool = False


class ConsumerDocument(Document):
    application: Text
    events: Annotated[list[Text], Field(min_length=1)]
    """Names, or ["*"]."""
    schema_version: Annotated[StrictInt, Field(ge=1)]
    """The product's schema version that it is built on."""
    reads: list[DataPath] = Field(default_factory=list)
    """The paths that it reads, from the envelope's root: data.storeId, data.lines[].quantity."""
    criticality: Criticality = Criticality.MEDIUM
    start: Start = "earliest"
    """Where a new consumer group begins: earliest, latest, or a time."""
    external: StrictBool = False


class EventSchemaDocument(Document):
    format: SchemaFormat
    versions: list[Text]
    """The files of its versions, oldest first: schemas/EVENT.N.json (or .avsc)."""


class EventDocument(Document):
    name: EventName
    type: Text
    description: Text | None = None
    schema_: Annotated[EventSchemaDocument, Field(alias="schema")]
    key: list[DataPath] = Field(default_factory=list)
    """The fields of the data that make the record's key."""
    exposure: dict[Audience, list[DataPath]] | None = None
    """By audience (customers), the paths that may leave by the Event API; absent: nothing."""
    deprecation: DeprecationDocument | None = None


class ExceptionDocument(Document):
    schema_version: Annotated[StrictInt, Field(ge=1)]
    """The product's schema version that the registry refuses, though it is harmless."""
    reason: Text
    approved_by: Text
    until: Day | None = None
    """The last day on which it may be registered for the first time; absent: no such day."""


class TopicDocument(Document):
    kind: TopicKind
    retention: Duration | None = None
    """Of a log topic; the repository's default where absent."""
    max_bytes: Size | None = None
    """The largest record's value; the repository's default where absent."""
    partitions: StrictInt = 1
    """Always 1: a tenant's order is total."""


class ServiceDocument(Document):
    latency: Duration | None = None
    """From publishing to the log's reader."""
    freshness: Duration | None = None
    """From the occurrence to the log's reader."""


class ProductDocument(Document):
    """What streaming and batch products share."""

    api_version: Literal["headrace/v1"]
    id: Identifier
    name: Text
    domain: Text
    status: Status
    version: SemanticVersion
    description: DescriptionDocument
    ownership: OwnershipDocument
    deprecation: DeprecationDocument | None = None


class StreamingDocument(ProductDocument):
    kinds: ClassVar[tuple[str, ...]] = ("StreamingDataProduct",)
    kind: Literal["StreamingDataProduct"]
    producers: list[ProducerDocument]
    consumers: list[ConsumerDocument] = Field(default_factory=list)
    events: Annotated[list[EventDocument], Field(min_length=1)]
    compatibility: Compatibility | None = None
    exceptions: list[ExceptionDocument] = Field(default_factory=list)
    """Schema versions that are registered although the registry refuses them: proved harmless, and approved."""
    topic: TopicDocument
    service: ServiceDocument = Field(default_factory=ServiceDocument)


class BatchPartyDocument(Document):
    application: Text


class ColumnDocument(Document):
    name: Text
    type: Literal["string", "integer", "number", "boolean", "date", "date-time"]
    required: StrictBool = True
    description: Text | None = None


class BatchDocument(ProductDocument):
    kinds: ClassVar[tuple[str, ...]] = ("BatchDataProduct",)
    kind: Literal["BatchDataProduct"]
    producers: list[BatchPartyDocument]
    consumers: list[BatchPartyDocument] = Field(default_factory=list)
    files: Text
    """Where the files stand, with {tenant} and {date} or {time}."""
    schedule: CronSchedule
    """A cron expression, in UTC."""
    columns: Annotated[list[ColumnDocument], Field(min_length=1)]
    retention: Duration | None = None


KINDS: dict[str, type[Document]] = {
    "Repository": RepositoryDocument,
    "Application": ApplicationDocument,
    "Tenant": TenantDocument,
    "StreamingDataProduct": StreamingDocument,
    "BatchDataProduct": BatchDocument,
}
