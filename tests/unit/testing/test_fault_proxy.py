"""The fault proxy: each mode does to a connection what it says, and can be switched while it is open."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from headrace.testing.fault_proxy import FaultProxy, Mode

LOOPBACK = "127.0.0.1"


def _echo(server: socket.socket) -> None:
    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                while chunk := connection.recv(65_536):
                    connection.sendall(chunk)
            except OSError:
                return

    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    """A proxy in front of a server that sends back what it gets."""
    with socket.create_server((LOOPBACK, 0)) as server:
        thread = threading.Thread(target=_echo, args=(server,), daemon=True)
        thread.start()
        with FaultProxy(server.getsockname()[1]) as proxy:
            yield proxy
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _connect(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection((LOOPBACK, proxy.port), 5)


def _receive(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        chunk = connection.recv(65_536)
        if not chunk:
            break
        received += chunk
    return received


def test_pass_brings_every_byte_back_in_order(proxy: FaultProxy) -> None:
    """Megabytes in both directions arrive as they were sent, and the end of one side is told to the other."""
    sent = b"".join(b"%07d\n" % number for number in range(500_000))
    with _connect(proxy) as connection:
        sender = threading.Thread(target=lambda: (connection.sendall(sent), connection.shutdown(socket.SHUT_WR)))
        sender.start()
        assert _receive(connection, len(sent) + 1) == sent
        sender.join(5)
    assert proxy.traffic.connections == 1
    assert proxy.traffic.to_server == proxy.traffic.from_server == len(sent)
    assert proxy.traffic.resets == 0


def test_latency_delays_each_direction_and_not_the_throughput(proxy: FaultProxy) -> None:
    """An answer comes two delays later; many bytes at once need no more time than few."""
    with _connect(proxy) as connection:
        proxy.mode("latency", delay=0.1)
        for size in (1, 1_000_000):
            start = time.monotonic()
            connection.sendall(b"x" * size)
            assert len(_receive(connection, size)) == size
            assert 0.2 <= time.monotonic() - start < 2


def test_rate_limits_the_bytes_of_a_second(proxy: FaultProxy) -> None:
    """20 kB at 50 kB a second take 0.4 s in each direction, of which the second begins soon after the first."""
    with _connect(proxy) as connection:
        proxy.mode("rate", bytes_per_second=50_000)
        start = time.monotonic()
        connection.sendall(b"x" * 20_000)
        assert len(_receive(connection, 20_000)) == 20_000
        assert time.monotonic() - start >= 0.4


def test_stall_holds_bytes_and_connections_until_it_is_over(proxy: FaultProxy) -> None:
    """A stalled connection stays up without an answer, also a new one; afterwards what was held arrives."""
    with _connect(proxy) as old:
        proxy.mode("stall")
        with _connect(proxy) as new:
            for connection, word in ((old, b"old"), (new, b"new")):
                connection.sendall(word)
                connection.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    connection.recv(1)
            proxy.mode("pass")
            for connection, word in ((old, b"old"), (new, b"new")):
                connection.settimeout(5)
                assert _receive(connection, 3) == word


@pytest.mark.parametrize(("after", "arrives"), [(None, 500), (0, 0), (700, 700)])
def test_reset_cuts_an_answer_short(proxy: FaultProxy, after: int | None, arrives: int) -> None:
    """The client gets at most the part before the cut, never more, and then a reset instead of an end."""
    with _connect(proxy) as connection:
        connection.sendall(b"whole")
        assert _receive(connection, 5) == b"whole"
        proxy.mode("reset", after=after)
        connection.sendall(b"x" * 1_000)
        received = b""
        with pytest.raises(ConnectionResetError):
            while len(received) <= arrives:
                received += connection.recv(65_536)
                assert received, "an end, not a reset"
        assert len(received) <= arrives
    assert proxy.traffic.resets == 1
    assert proxy.traffic.from_server == 5 + arrives


def test_refuse_resets_what_is_open_and_refuses_what_is_new_on_the_same_port(proxy: FaultProxy) -> None:
    """Open connections are reset, new ones refused; when it is over, the same port answers."""
    with _connect(proxy) as connection:
        connection.sendall(b"up")
        assert _receive(connection, 2) == b"up"
        proxy.mode("refuse")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with pytest.raises(ConnectionRefusedError):
        _connect(proxy)
    proxy.mode("pass")
    with _connect(proxy) as connection:
        connection.sendall(b"back")
        assert _receive(connection, 4) == b"back"


def test_without_a_server_behind_it_connections_are_reset(proxy: FaultProxy) -> None:
    """A target that nobody listens on: the proxy accepts and resets; set to another one, it serves."""
    target = proxy.target_port
    with socket.socket() as place:
        place.bind((LOOPBACK, 0))
        proxy.target_port = place.getsockname()[1]
        with pytest.raises(ConnectionResetError), _connect(proxy) as connection:
            connection.recv(1)
    proxy.target_port = target
    with _connect(proxy) as connection:
        connection.sendall(b"x")
        assert _receive(connection, 1) == b"x"


@pytest.mark.parametrize("mode", ["pass", "latency", "rate", "stall", "reset", "refuse"])
def test_closing_ends_in_every_mode(mode: Mode) -> None:
    """With an open connection and bytes on the way, `close` returns at once in each mode, and again does nothing."""
    with socket.create_server((LOOPBACK, 0)) as server:
        proxy = FaultProxy(server.getsockname()[1])
        with proxy, _connect(proxy) as connection:
            proxy.mode(mode, bytes_per_second=1)
            if mode != "refuse":
                connection.sendall(b"x" * 1_000)
            start = time.monotonic()
            proxy.close()
            assert time.monotonic() - start < 2
        with pytest.raises(ConnectionRefusedError):
            _connect(proxy)
