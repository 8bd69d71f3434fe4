"""Ports of the loopback."""

from __future__ import annotations

import socket

from headrace.local import ports


def test_ports_given_at_once_differ() -> None:
    """The ports that are given at once are all different."""
    assert len(set(ports.free_ports(20))) == 20


def test_a_port_is_taken_while_something_listens_on_it() -> None:
    """A port with a listener accepts and is not free; afterwards it is free and accepts nothing."""
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        assert ports.accepts(port) and not ports.is_free(port)
    assert ports.is_free(port) and not ports.accepts(port)
