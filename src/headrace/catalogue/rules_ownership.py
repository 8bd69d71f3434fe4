"""Rules about who gives to whom, who owns, and whether those who are named exist."""

from __future__ import annotations

from typing import Any

from headrace.catalogue.checking import RULES, Checking, Declared, Findings, getattr_or_none, twice
from headrace.catalogue.codes import Code
from headrace.catalogue.findings import Finding, Path
from headrace.catalogue.suggest import did_you_mean
from headrace.model.product import Pattern


@RULES.about("product")
def pattern_fits_the_parties(_: Checking, product: Declared[Any]) -> Findings:
    """one-to-many: one producer; many-to-many: two producers or more; many-to-one: one consumer."""
    document = product.document
    pattern = document.ownership.pattern
    if pattern is Pattern.MANY_TO_ONE:
        count = len(document.consumers)
        if count != 1:
            at: Path = ("consumers",) if count else ("ownership", "pattern")
            hint = "add the consumer that owns it" if not count else ""
            yield Finding(Code.ONE_CONSUMER, f"a many-to-one product has {count} consumers", hint, at, key=bool(count))
        if not document.producers:
            yield Finding(
                Code.MANY_PRODUCERS, "a product has no producer", "name who publishes it", ("producers",), key=True
            )
        return
    count = len(document.producers)
    if pattern is Pattern.ONE_TO_MANY and count != 1:
        hint = "name the producer" if not count else ""
        yield Finding(Code.ONE_PRODUCER, f"a one-to-many product has {count} producers", hint, ("producers",), key=True)
    if pattern is Pattern.MANY_TO_MANY and count < 2:
        noun = "producer" if count == 1 else "producers"
        said = f"a many-to-many product has {count} {noun}"
        yield Finding(Code.MANY_PRODUCERS, said, path=("producers",), key=True)


@RULES.about("product")
def owner_is_a_person_where_many_give_to_many(_: Checking, product: Declared[Any]) -> Findings:
    ownership = product.document.ownership
    pattern, owner = ownership.pattern, ownership.data_product_owner
    if pattern is Pattern.MANY_TO_MANY and owner is None:
        yield Finding(Code.NO_OWNER, "a many-to-many product has no data product owner", path=("ownership",), key=True)
    if pattern is not Pattern.MANY_TO_MANY and owner is not None:
        said = f"a {pattern} product has a data product owner"
        yield Finding(Code.OWNER_UNUSED, said, path=("ownership", "dataProductOwner"), key=True)
    if owner is not None and owner.name.strip().lower() in _NOBODY:
        at = ("ownership", "dataProductOwner", "name")
        yield Finding(Code.OWNER_EMPTY, f"the data product owner is {owner.name!r}", path=at)


_NOBODY = frozenset(("", "tbd", "todo", "n/a", "none", "-", "?", "...", "unknown", "tba"))


@RULES.about("product")
def owning_team_is_the_one_party_s(checking: Checking, product: Declared[Any]) -> Findings:
    document = product.document
    pattern, team = document.ownership.pattern, document.ownership.team
    if pattern is Pattern.MANY_TO_MANY:
        return
    parties = document.consumers if pattern is Pattern.MANY_TO_ONE else document.producers
    if len(parties) != 1:
        return
    application = checking.applications.get(parties[0].application)
    if application is not None and application.document.team != team:
        role = "consumer" if pattern is Pattern.MANY_TO_ONE else "producer"
        said = f"'{team}' owns a {pattern} product whose {role} {application.name} belongs to '{application.document.team}'"
        yield Finding(Code.OWNING_TEAM, said, f"write team: {application.document.team}", ("ownership", "team"))


def _parties(product: Declared[Any], key: str) -> Findings:
    """Each application once in a list of producers or consumers."""
    seen: set[str] = set()
    for index, party in enumerate(getattr_or_none(product.document, key) or ()):
        application = getattr_or_none(party, "application")
        if application in seen:
            said = f"the application '{application}' stands twice under {key}"
            yield Finding(Code.TWICE, said, "put its events into one entry", (key, index, "application"))
        elif application is not None:
            seen.add(application)


@RULES.about("product")
def each_party_stands_once(_: Checking, product: Declared[Any]) -> Findings:
    yield from _parties(product, "producers")
    yield from _parties(product, "consumers")


@RULES.about("product")
def parties_exist(checking: Checking, product: Declared[Any]) -> Findings:
    for key in ("producers", "consumers"):
        for index, party in enumerate(getattr_or_none(product.document, key) or ()):
            application = getattr_or_none(party, "application")
            if application is not None and application not in checking.application_ids:
                known = checking.application_ids
                hint = did_you_mean(application, known, f"add applications/{application}.yaml")
                said = f"the application '{application}' is not declared"
                yield Finding(Code.UNKNOWN_APPLICATION, said, hint, (key, index, "application"))


def event_names(product: Declared[Any]) -> list[str] | None:
    """The names under events as they are written, malformed ones too; None where one is missing, or all are."""
    value = product.text.value.get("events")
    if not isinstance(value, list) or not value:
        return None
    found = [event.get("name") if isinstance(event, dict) else None for event in value]
    return [n for n in found if isinstance(n, str)] if all(isinstance(n, str) for n in found) else None


@RULES.item("producers")
@RULES.item("consumers")
def events_of_a_party_exist(_: Checking, product: Declared[Any], path: Path, party: Any) -> Findings:
    known = event_names(product)
    events = party.events
    if known is None:
        return
    consumer = path[0] == "consumers"
    for index, event in enumerate(events):
        at = (*path, "events", index)
        if event == "*":
            if not consumer:
                yield Finding(Code.STAR_AND_NAMES, 'a producer publishes "*"', "name the events that it publishes", at)
            elif len(events) > 1:
                yield Finding(Code.STAR_AND_NAMES, '"*" stands beside names', path=at)
        elif event not in known:
            said = f"the event '{event}' is not declared in this product"
            yield Finding(Code.UNKNOWN_EVENT, said, did_you_mean(event, known), at)
    yield from twice(events, Code.TWICE, "the event", (*path, "events"))
