"""Client properties from text, and whose credentials stand in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.model.credentials import (
    credential_properties,
    is_secured,
    parse_properties,
    without_credentials,
)

PLATFORM = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "platform",
    "sasl.password": "env:PLATFORM",
    "ssl.ca.location": "ca.pem",
    "ssl.key.location": "platform.key",
    "ssl.certificate.location": "platform.pem",
}

names = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True), min_size=2, max_size=4).map(".".join)
values = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"))


@given(st.dictionaries(names, values.map(str.strip), min_size=2))
def test_lines_of_properties_read_back(properties: dict[str, str]) -> None:
    """Whatever a value holds but an end of line, one pair a line reads as it was written."""
    text = "\n".join(f"{name}={value}" for name, value in properties.items())
    assert parse_properties(text) == properties


def test_commas_separate_the_pairs_of_one_line_and_belong_to_values_of_many() -> None:
    """`a=b,c=d` is two pairs; on lines of their own values keep their commas, and comments are passed over."""
    assert parse_properties("sasl.username=plan , sasl.password=a=b") == {
        "sasl.username": "plan",
        "sasl.password": "a=b",
    }
    assert parse_properties("# who\nsasl.username = plan\n\nsasl.password = a,b.c=d\n") == {
        "sasl.username": "plan",
        "sasl.password": "a,b.c=d",
    }
    assert parse_properties("") == {}


@pytest.mark.parametrize("text", ["sasl.password=hush,hush2", "sasl.password=hush,hush2=3", "hush", "=hush"])
def test_what_is_no_pair_is_told_without_repeating_it(text: str) -> None:
    """A secret that holds a comma is the likeliest mistake: the error says which pair, never what stands in it."""
    with pytest.raises(ValueError, match=r"pair [12] is not name=value") as caught:
        parse_properties(text)
    assert "hush" not in str(caught.value)


def test_a_property_given_twice_is_an_error() -> None:
    """Neither of the two wins silently."""
    with pytest.raises(ValueError, match=r"sasl\.username is given twice"):
        parse_properties("sasl.username=a,sasl.username=b")


def test_a_program_keeps_the_way_and_not_the_platform_s_credentials() -> None:
    """Protocol, mechanism and authority stay; user, password, key and certificate of the platform go."""
    assert without_credentials(PLATFORM) == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "ssl.ca.location": "ca.pem",
    }


def test_a_password_alone_is_the_principal_s() -> None:
    """The user is the principal without Kafka's `User:`; a password may look like anything but a client's property."""
    assert credential_properties("User:plan-eu", "a:b=c,d") == {"sasl.username": "plan-eu", "sasl.password": "a:b=c,d"}


def test_properties_may_stand_in_a_password_s_place() -> None:
    """An API key with its secret, or a certificate with its key, whose user is not the principal's name."""
    assert credential_properties("User:sa-1", "sasl.username=KEY,sasl.password=SECRET") == {
        "sasl.username": "KEY",
        "sasl.password": "SECRET",
    }
    assert set(credential_properties("User:CN=plan", "ssl.key.location=k\nssl.certificate.location=c")) == {
        "ssl.key.location",
        "ssl.certificate.location",
    }


@pytest.mark.parametrize(("protocol", "secured"), [(None, False), ("PLAINTEXT", False), ("sasl_plaintext", True)])
def test_a_cluster_is_secured_by_its_protocol(protocol: str | None, secured: bool) -> None:
    """Without a protocol a client speaks plain text, as librdkafka's default is."""
    assert is_secured({} if protocol is None else {"security.protocol": protocol}) is secured
