"""The codes of faults: stable, one for each kind of thing that can be wrong in a declaration repository.

HR1xx files and syntax, HR2xx the shape of a declaration, HR3xx names, HR4xx ownership and references, HR5xx events and
schemas, HR6xx a product's life, HR7xx tenants and regions, HR8xx batch products. A code never changes its meaning and is
never used again. ``title`` says the rule that is broken, ``way_out`` what to do where a fault has no better hint of its own.
`docs/declaration.md` has an example of each.
"""

from __future__ import annotations

from enum import Enum
from typing import Any


class Code(Enum):
    """One kind of fault. The member's value is (code, the broken rule, the way out)."""

    # --- files and syntax
    NO_HEADRACE_YAML = ("HR101", "a repository has a headrace.yaml", "add headrace.yaml with kind: Repository")
    YAML_SYNTAX = ("HR102", "a declaration is YAML", "correct the syntax; other faults of this file show after that")
    DUPLICATE_KEY = ("HR103", "a key stands once in its mapping", "remove one of the two; YAML would silently keep one")
    YAML_FEATURE = (
        "HR104",
        "a declaration is plain YAML: one document, no anchors, aliases, merge keys or tags, text as keys",
        "write the value out",
    )
    UNREADABLE = ("HR105", "a file is readable text in UTF-8 of at most 4 MiB", "save it as UTF-8")
    WRONG_PLACE = (
        "HR106",
        "a declaration stands at headrace.yaml, applications/ID.yaml, tenants/ID.yaml or products/ID/product.yaml",
        "move or rename the file",
    )
    SYMBOLIC_LINK = (
        "HR107",
        "a repository holds no symbolic links among its declarations",
        "put a copy of the file there: a link may mean something else on another machine",
    )
    PATH_LEAVES = ("HR108", "a path stays inside the repository, a schema's inside its product", "name a place inside")
    FILE_MISSING = ("HR109", "a file that is named exists", "add the file, or correct the path")
    JSON_SYNTAX = ("HR110", "a schema or an example is JSON", "correct the syntax")
    JSON_DUPLICATE = ("HR111", "a key stands once in a JSON object", "remove one of the two")
    API_VERSION = ("HR112", "apiVersion is headrace/v1", "write apiVersion: headrace/v1")
    KIND = ("HR113", "the kind is known and fits the file's place", "correct kind, or move the file")
    ID_AND_PLACE = ("HR114", "a file or directory has the name of what it declares", "rename it, or correct the id")
    ORPHAN = ("HR115", "a schema file is named by an event", "name it in versions, or remove it")
    EMPTY = ("HR116", "a declaration is a mapping", "begin with apiVersion and kind, or remove the file")

    # --- the shape of a declaration
    UNKNOWN_KEY = ("HR201", "a key is one that the declaration has", "remove it")
    MISSING_KEY = ("HR202", "a required key is there", "add it")
    WRONG_TYPE = ("HR203", "a value has the declared type", "correct the value")
    NOT_ALLOWED = ("HR204", "a value is one of those allowed", "take one of those allowed")
    DURATION = ("HR205", "a duration is a whole number with ms, s, m, h or d", "write it as 30s, 15m, 12h or 7d")
    SIZE = ("HR206", "a size is a whole number of bytes, or with B, kB, MB, KiB or MiB", "write it as 1MiB or 1048576")
    VERSION = ("HR207", "a version is three numbers, the first at least 1", "write it as 1.0.0")
    DATE = ("HR208", "a date is YYYY-MM-DD", "write it as 2026-03-01")
    OUT_OF_RANGE = ("HR209", "a value is within its limits", "correct the value")
    SECRET = (
        "HR210",
        "a secret is named by its place (env:, vault:, file:), never written",
        "replace it by env:NAME, vault:PATH or file:PATH; what was committed is known: change the secret itself too",
    )
    SCHEDULE = ("HR211", "a schedule is a cron expression of five fields, in UTC", 'write it as "0 3 * * *"')
    DATA_PATH = ("HR212", "a path is written as data.storeId or data.lines[].quantity", "correct the path")
    START = (
        "HR213",
        "a start is earliest, latest or a time with its offset from UTC",
        "write it as 2026-03-01T00:00:00Z",
    )

    # --- names
    IDENTIFIER = ("HR301", "an id holds a-z, 0-9, '-' and '_', and begins and ends with a letter or digit", "rename it")
    RESERVED = ("HR302", "names of Headrace's own are not declared", "rename it")
    TOPIC_LENGTH = ("HR303", "a topic's name has at most 249 characters", "shorten the id of the product or tenant")
    TOPIC_COLLISION = (
        "HR304",
        "two topics differ in more than '.' and '_', which Kafka's metrics write alike",
        "rename one of the two",
    )
    EVENT_NAME = ("HR305", "an event's name is PascalCase", "write it as OrderProposalCreated")
    EVENT_TYPE = (
        "HR306",
        "an event type is lower case words with dots, and ends in its major",
        "write it as com.example.x.v1",
    )
    EVENT_TYPE_MAJOR = (
        "HR307",
        "an event type ends in the product's major",
        "a new major is a product directory of its own",
    )
    EVENT_TYPE_PREFIX = (
        "HR308",
        "an event type begins with naming.eventTypePrefix of headrace.yaml",
        "correct the type",
    )

    # --- ownership and references
    ONE_PRODUCER = (
        "HR401",
        "a one-to-many product has exactly one producer",
        "with several producers it is many-to-many",
    )
    MANY_PRODUCERS = (
        "HR402",
        "a many-to-many product has two producers or more",
        "with one producer it is one-to-many",
    )
    NO_OWNER = ("HR403", "a many-to-many product names its data product owner", "add ownership.dataProductOwner")
    ONE_CONSUMER = (
        "HR404",
        "a many-to-one product has exactly one consumer",
        "with several consumers it is many-to-many",
    )
    OWNING_TEAM = (
        "HR405",
        "the team of the one producer (or of the one consumer, many-to-one) owns",
        "correct the team",
    )
    OWNER_UNUSED = (
        "HR406",
        "only a many-to-many product has a data product owner; the others are owned by a team",
        "remove dataProductOwner, or correct the pattern",
    )
    UNKNOWN_APPLICATION = ("HR407", "an application that is named is declared", "add applications/ID.yaml")
    TWICE = ("HR408", "a list names each thing once", "remove one of the two")
    UNKNOWN_EVENT = ("HR409", "an event that is named is declared in the product", "declare it under events")
    NO_SCHEMA_VERSION = ("HR410", "a schemaVersion is one that the product has", "take one that exists")
    EVENT_TOO_NEW = ("HR411", "an event exists in the schemaVersion that names it", "take a newer schemaVersion")
    NO_PRODUCER = (
        "HR412",
        "every event of an active product is published by one of its producers",
        "name it under a producer, or deprecate it",
    )
    STAR_AND_NAMES = ("HR413", '"*" stands alone', 'write ["*"] or the names')
    READS = ("HR414", "a path under reads exists in an event that is consumed", "correct the path")
    OWNER_EMPTY = (
        "HR415",
        "a data product owner is a person with a name",
        "name the person who answers for the product",
    )

    EVENT_STOPPED = (
        "HR416",
        "an event that a consumer names is published by a producer",
        "take the event out of the consumer's list first; only then may its last producer stop",
    )

    # --- events and schemas
    JSON_SCHEMA = ("HR501", "a JSON Schema parses, and refers only to itself", "correct the schema")
    AVRO_SCHEMA = ("HR502", "an Avro schema parses, and is a record", "correct the schema")
    SCHEMA_FILE = (
        "HR503",
        "a schema file is schemas/EVENT.N.json (or .avsc), N the schema version that brought it",
        "rename the file, and its entry in versions",
    )
    VERSION_ORDER = ("HR504", "versions stand in ascending order, each once", "sort them")
    VERSION_GAP = (
        "HR505",
        "each schema version from 1 to the newest is brought by an event",
        "number the files so that every version has one",
    )
    EXAMPLE = ("HR506", "an example is valid, with declared fields only", "correct the example, or the schema")
    EXAMPLE_PLACE = (
        "HR507",
        "an example stands at examples/EVENT/NAME.json, or NAME.N.json for the schema version N",
        "rename or move the file",
    )
    KEY = ("HR508", "a field of the key exists in every version of the event", "correct the key")
    KEY_FIELD = (
        "HR509",
        "a field of the key is required, and a text, a whole number or a boolean",
        "list the field under required, or take another field",
    )
    EXPOSURE = ("HR510", "a path under exposure exists in the event", "correct the path")
    CLOSED = (
        "HR511",
        "under FORWARD or FULL compatibility a data schema stays open",
        "remove it: publish refuses undeclared fields anyway, and a closed schema could never take a new one",
    )
    MIXED_DRAFTS = ("HR512", "all schemas of a product state the same draft of JSON Schema", "state the same $schema")
    DRAFT = (
        "HR513",
        "a schema is draft-07, or a later draft that every region's registry is declared to support",
        "state draft-07, or list the draft under registry.drafts in headrace.yaml",
    )
    AVRO_EVENTS = (
        "HR514",
        "an Avro product has exactly one event type",
        "declare the other as a product of its own: a branch that is added to a union breaks readers",
    )
    MIXED_FORMATS = ("HR515", "all events of a product have one format", "declare the other as a product of its own")
    EVENT_TWICE = ("HR516", "an event's name is unique in its product", "rename one of the two")
    TYPE_TWICE = ("HR517", "an event type is unique in the repository", "rename one of the two")
    STATE_KEY = (
        "HR518",
        "the events of a state topic have a key, the same for all",
        "declare the key by which the newest event replaces the older ones",
    )
    STATE_RETENTION = ("HR519", "a state topic has no retention: it keeps the newest of each key", "remove retention")
    PARTITIONS = ("HR520", "a topic has one partition, so that a tenant's order is total", "remove partitions")
    NO_VERSIONS = ("HR521", "an event has at least one schema version", "list its first schema under versions")
    PATTERN = ("HR522", "a regular expression means the same to every validator", "keep to the portable subset")
    EXCEPTION = (
        "HR523",
        "an exception is for a schema version that the product has, from 2 on, each once",
        "correct schemaVersion, or remove the exception",
    )

    # --- a product's life
    NO_DEPRECATION = (
        "HR601",
        "a deprecated product says until when it works, and what replaces it",
        "add deprecation: {since: ..., sunset: ..., successor: ...}",
    )
    NOT_DEPRECATED = ("HR602", "only a deprecated or retired product has a deprecation", "write status: deprecated")
    SUNSET = ("HR603", "a sunset comes after the deprecation's beginning", "correct the dates")
    SUCCESSOR = ("HR604", "a successor exists, and is another one", "name a declared product or event")
    MAJOR_TWICE = ("HR605", "a product's major is declared once", "correct the id or the version of one of them")

    # --- tenants and regions
    UNKNOWN_REGION = ("HR701", "a region that is named is declared in headrace.yaml", "correct the region")
    UNKNOWN_PRODUCT = ("HR702", "a product that is named is declared", "correct the id")
    SHARED_CLUSTER = ("HR703", "each region has a cluster of its own", "name another cluster")
    REGISTRY_ALONE = (
        "HR704",
        "an embedded registry lives in an embedded cluster",
        "name a registry by kind: http and url",
    )
    NO_PRINCIPAL = (
        "HR705",
        "an application has a principal in each Kafka region that it works in",
        "add it under regions",
    )
    SHARED_PRINCIPAL = (
        "HR706",
        "a principal belongs to one application, tenant or operator",
        "give each its own, so that rights do not mix",
    )
    ONE_REGION = ("HR707", "a tenant lives in exactly one region", "name the one region; another one is another tenant")
    PRINCIPAL_PRODUCT = (
        "HR708",
        "a tenant's principal reads products that the tenant takes",
        "add the product to the tenant's products, or take it out here",
    )

    # --- batch products
    COLUMN_TWICE = ("HR801", "a column's name is unique", "rename one of the two")
    FILES_PATTERN = (
        "HR802",
        "files is a relative path that ends in .csv, with {tenant} and {date} or {time}",
        "write it as NAME/{tenant}/NAME-{date}.csv",
    )

    def __init__(self, code: str, title: str, way_out: str, *_: Any) -> None:
        self.code = code
        self.title = title
        self.way_out = way_out

    def __str__(self) -> str:
        return self.code
