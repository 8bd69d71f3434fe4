"""Names on the broker and in the registry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model import names

identifiers = st.from_regex(r"[a-z0-9](?:[a-z0-9_-]{0,20}[a-z0-9])?", fullmatch=True)


@given(identifiers, st.integers(1, 999), identifiers)
def test_a_topic_parses_to_what_composed_it(product: str, major: int, tenant: str) -> None:
    """`parse_topic` is the inverse of `topic` for all valid identifiers."""
    assert names.parse_topic(names.topic(product, major, tenant)) == (product, major, tenant)


@given(identifiers, st.integers(1, 999), identifiers)
def test_the_prefix_covers_the_product_and_nothing_else(product: str, major: int, other: str) -> None:
    """A product's topic prefix matches all of its topics, and no topic of another product or major."""
    prefix = names.topic_prefix(product, major)
    assert names.topic(product, major, "acme").startswith(prefix)
    if other != product:
        assert not names.topic(other, major, "acme").startswith(prefix)
    assert not names.topic(product, major * 10, "acme").startswith(prefix)


@given(identifiers, identifiers, identifiers)
def test_an_application_s_prefix_covers_its_groups_and_transactions_and_no_other_s(
    application: str, other: str, purpose: str
) -> None:
    """One prefix with its closing dot covers all groups and transactional ids of an application, and none of another."""
    prefix = names.application_prefix(application)
    assert names.group(application, purpose).startswith(prefix)
    assert names.transactional_id(application, purpose, "0").startswith(prefix)
    if other != application:
        assert not names.group(other, purpose).startswith(prefix)
        assert not names.transactional_id(other, purpose, "0").startswith(prefix)


@given(identifiers)
def test_valid_identifiers_have_no_problem(text: str) -> None:
    """What the rule describes is accepted."""
    assert names.identifier_problem(text) is None


@pytest.mark.parametrize("text", ["", "A", "a.b", "-a", "a-", "_a", "a b", "é", "a" * 151, "a\n"])
def test_other_identifiers_have_one(text: str) -> None:
    """Empty, upper case, dots, outer dashes, spaces, non-ASCII and too long texts are refused."""
    assert names.identifier_problem(text)


def test_platform_topics_parse_and_cannot_be_declared() -> None:
    """Headrace's own topics have Headrace's form, and their tenant is not a valid identifier."""
    parsed = names.parse_topic(names.catalogue_topic())
    assert parsed == ("headrace-catalogue", 1, names.PLATFORM_TENANT)
    assert names.identifier_problem(names.PLATFORM_TENANT)


def test_names_that_differ_only_in_dot_and_underscore_collide() -> None:
    """The collision key is the same for names that Kafka's metrics would write alike."""
    assert names.collision_key("p.v1.a_v1_b") == names.collision_key("p_v1_a.v1.b")
    assert names.collision_key("p.v1.a") != names.collision_key("p.v1.b")


@pytest.mark.parametrize(
    ("text", "major"),
    [("com.example.order-proposal.created.v1", 1), ("a.v12", 12), ("a", None), ("a.v0", None), ("A.v1", None)],
)
def test_an_event_type_ends_in_its_major(text: str, major: int | None) -> None:
    """The major version is read from the suffix of an event type, and a type without one is malformed."""
    assert names.event_type_major(text) == major


def test_subjects_follow_topic_name_strategy() -> None:
    """A subject is the topic with `-value`, and back."""
    assert names.subject("a.v1.b") == "a.v1.b-value"
    assert names.topic_of_subject("a.v1.b-value") == "a.v1.b"
    assert names.topic_of_subject("a.v1.b-key") is None
