"""Ports of the loopback."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"


FIRST = 10_000
"""Below are ports that programs are known by."""

USUAL_EPHEMERAL = 32_768
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(count: int) -> list[int]:
    """Ports that are free now; held together, so that they differ.

    They are below those that the kernel gives to outgoing connections. A server that is stopped and started again would
    else find its port in use by one, such as that of a client which tries to reach it meanwhile."""
    below = _ephemeral_from()
    chosen = random.SystemRandom()  # several programs choose at once
    sockets: list[socket.socket] = []
    try:
        while len(sockets) < count:
            probe = socket.socket()
            try:
                probe.bind((LOOPBACK, chosen.randrange(FIRST, below)))
            except OSError:
                probe.close()
                continue
            sockets.append(probe)
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _ephemeral_from() -> int:
    try:
        first = int(RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return USUAL_EPHEMERAL
    return first if first >= FIRST + 1_000 else USUAL_EPHEMERAL


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are being forgotten is free for them.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def accepts(port: int) -> bool:
    """Whether something answers on the port."""
    try:
        socket.create_connection((LOOPBACK, port), 0.2).close()
    except OSError:
        return False
    return True
