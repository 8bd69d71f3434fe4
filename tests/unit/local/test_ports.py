"""Ports of the loopback."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from headrace.local import ports


def test_ports_given_at_once_differ() -> None:
    """The ports that are given at once are all different, and free."""
    given = ports.free_ports(20)
    assert len(set(given)) == 20
    assert all(map(ports.is_free, given))


@pytest.mark.parametrize(
    ("text", "below"),
    [("20000\t60999\n", 20_000), ("1024 65535", ports.USUAL_EPHEMERAL), ("", ports.USUAL_EPHEMERAL)],
)
def test_ports_are_not_those_of_outgoing_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, below: int
) -> None:
    """What the kernel gives to outgoing connections is left out, where it says so and leaves something."""
    stated = tmp_path / "range"
    stated.write_text(text)
    monkeypatch.setattr(ports, "RANGE", stated)
    assert all(ports.FIRST <= port < below for port in ports.free_ports(50))


def test_a_port_is_taken_while_something_listens_on_it() -> None:
    """A port with a listener accepts and is not free; afterwards it is free and accepts nothing."""
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert ports.accepts(port) and not ports.is_free(port)
    assert ports.is_free(port) and not ports.accepts(port)
