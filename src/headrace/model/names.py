"""The sole composer and parser of names on the broker and in the registry.

    topic          {product}.v{major}.{tenant}      order-proposals.v1.acme
    subject        {topic}-value                    TopicNameStrategy
    group          {application}.{purpose}          plan.forecast
    transactions   {application}.{purpose}.{suffix} plan.forecast.0
    dead letter    dlq.{application}                one per region
    tenant's group _tenant.{tenant}.{purpose}       of a tenant that reads its topics itself
    principal      User:{name}                      as Kafka's access rules write it

The product comes first so that one PREFIXED access rule (`topic_prefix`, with its closing dot) covers every tenant; the
application comes first so that one (`application_prefix`) covers all its groups and one all its transactions.
Identifiers never hold a dot, which makes each name parse in one way only.
"""

from __future__ import annotations

import re
from typing import NamedTuple

TOPIC_MAX = 249
"""Kafka's limit on a topic name (`org.apache.kafka.common.internals.Topic.MAX_NAME_LENGTH`)."""

IDENTIFIER_MAX = 150
"""Our limit on one identifier; two of them can still pass `TOPIC_MAX`, so the composed name is checked as well."""

PLATFORM_TENANT = "_platform"
"""The reserved tenant of Headrace's own products. A declared tenant cannot begin with an underscore."""

RESERVED_PREFIX = "headrace-"
"""Products of Headrace's own begin with it."""

DEAD_LETTER_PREFIX = "dlq."

TENANT_GROUPS = "_tenant."
"""What the groups of tenants' own principals begin with. No application is called ``_tenant``."""

_IDENTIFIER = re.compile(r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?\Z")
_TOPIC = re.compile(
    r"(?P<product>[a-z0-9][a-z0-9_-]*)\.v(?P<major>[1-9][0-9]{0,3})\.(?P<tenant>[a-z0-9_][a-z0-9_-]*)\Z"
)
_EVENT = re.compile(r"[A-Z][A-Za-z0-9]{0,99}\Z")
_EVENT_TYPE = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*\.v(?P<major>[1-9][0-9]{0,3})\Z")


def identifier_problem(text: str) -> str | None:
    """What is wrong with ``text`` as the id of a product, application, tenant, region or purpose; None if nothing."""
    if not text:
        return "is empty"
    if len(text) > IDENTIFIER_MAX:
        return f"is {len(text)} characters long; the limit is {IDENTIFIER_MAX}"
    if not _IDENTIFIER.match(text):
        return "may hold only a-z, 0-9, '-' and '_', and must begin and end with a letter or digit"
    return None


def event_name_problem(text: str) -> str | None:
    """What is wrong with ``text`` as an event's name (``OrderProposalCreated``); None if nothing."""
    if not _EVENT.match(text):
        return "must be PascalCase, A-Z a-z 0-9, at most 100 characters"
    return None


def event_type_major(text: str) -> int | None:
    """The major version that ends an event type (``com.example.order-proposal.created.v1`` -> 1); None if malformed."""
    match = _EVENT_TYPE.match(text)
    return int(match["major"]) if match else None


class TopicName(NamedTuple):
    """A topic's name, taken apart."""

    product: str
    major: int
    tenant: str


def topic(product: str, major: int, tenant: str) -> str:
    """The topic that carries ``product``'s events for ``tenant``."""
    return f"{product}.v{major}.{tenant}"


def parse_topic(name: str) -> TopicName | None:
    """The parts of a topic's name, or None where the name is not of Headrace's form."""
    match = _TOPIC.match(name)
    return TopicName(match["product"], int(match["major"]), match["tenant"]) if match else None


def topic_prefix(product: str, major: int) -> str:
    """What every tenant's topic of a product begins with, closing dot included: for access rules and subscriptions."""
    return f"{product}.v{major}."


def subject(topic_name: str) -> str:
    """The registry's subject for a topic's values (TopicNameStrategy)."""
    return f"{topic_name}-value"


def topic_of_subject(subject_name: str) -> str | None:
    """The topic of a value subject, or None where it is not one."""
    return subject_name.removesuffix("-value") if subject_name.endswith("-value") else None


def group(application: str, purpose: str) -> str:
    """The consumer group of one purpose of an application."""
    return f"{application}.{purpose}"


def transactional_id(application: str, purpose: str, suffix: str) -> str:
    """The id of a transactional writer of one purpose of an application. ``suffix`` tells writers apart that live at the
    same time, since a second one with the same id fences the first: a worker's number, or something drawn at random."""
    return f"{application}.{purpose}.{suffix}"


def application_prefix(application: str) -> str:
    """What every group and every transactional id of an application begins with, closing dot included."""
    return f"{application}."


def tenant_group_prefix(tenant: str) -> str:
    """What the groups of one tenant's own principals begin with, closing dot included."""
    return f"{TENANT_GROUPS}{tenant}."


def dead_letter(application: str) -> str:
    """The dead-letter topic of an application, one per region."""
    return f"{DEAD_LETTER_PREFIX}{application}"


def source(application: str) -> str:
    """The CloudEvents ``source`` of an application's events: a URI reference (RFC 3986, 4.1)."""
    return f"/applications/{application}"


def catalogue_topic() -> str:
    """The compacted topic of a region that holds the compiled catalogue."""
    return topic(f"{RESERVED_PREFIX}catalogue", 1, PLATFORM_TENANT)


def inventory_topic() -> str:
    """The compacted topic of a region that says which resources Headrace made."""
    return topic(f"{RESERVED_PREFIX}inventory", 1, PLATFORM_TENANT)


def journal_topic() -> str:
    """The topic of a region that records each apply, so that an interrupted one can be resumed."""
    return topic(f"{RESERVED_PREFIX}journal", 1, PLATFORM_TENANT)


def collision_key(topic_name: str) -> str:
    """Two topics with the same key collide: Kafka's metrics write '.' and '_' alike, so it refuses the second name
    (`Topic.hasCollision`)."""
    return topic_name.replace(".", "_")
