"""`headrace registry serve` as a program: it says where it is, ends when told to, and loses nothing that it acknowledged."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

HEADRACE = [sys.executable, "-m", "headrace.cli"]


class Served:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    def end(self, number: signal.Signals) -> int:
        """Its exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


@contextmanager
def _served(*arguments: str) -> Iterator[Served]:
    process = subprocess.Popen(
        [*HEADRACE, "registry", "serve", "--port", "0", "--json", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        # A shell in the background lets its programs ignore Ctrl-C; this one is to hear it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    try:
        said = ""
        while "}" not in said:
            line = process.stdout.readline()
            assert line, f"the server ended with {process.wait()}"
            said += line
        yield Served(process, json.loads(said)["url"])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _body(number: int) -> dict[str, str]:
    return {"schema": json.dumps({"type": "record", "name": f"R{number}", "fields": []})}


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    """Four clients register while the server gets SIGKILL: one that starts again on the folder has every schema that was
    acknowledged, under its id, and gives the next ids to others."""
    acknowledged: dict[str, int] = {}
    enough = threading.Event()

    def register(client: int, url: str) -> None:
        with httpx.Client(base_url=url) as http:
            for number in range(client * 1_000, client * 1_000 + 1_000):
                try:
                    answer = http.post(f"/subjects/s-{number}/versions", json=_body(number))
                except httpx.HTTPError:
                    return  # it was killed
                acknowledged[f"s-{number}"] = answer.json()["id"]
                if len(acknowledged) >= 40:
                    enough.set()

    with _served("--folder", str(tmp_path)) as server, ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(register, client, server.url) for client in range(4)]
        assert enough.wait(60)
        assert server.end(signal.SIGKILL) == -signal.SIGKILL
        for client in clients:
            client.result(60)
    assert len(set(acknowledged.values())) == len(acknowledged) >= 40
    with _served("--folder", str(tmp_path)) as server, httpx.Client(base_url=server.url) as http:
        for subject, schema_id in acknowledged.items():
            found = http.get(f"/subjects/{subject}/versions/latest").json()
            assert (found["id"], found["version"]) == (schema_id, 1)
        new = http.post("/subjects/new/versions", json=_body(9_999)).json()["id"]
        assert new not in acknowledged.values()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C: what is under way is answered, the exit code is 0, and nothing is left open."""
    with _served("--folder", str(tmp_path / "registry")) as server:
        with httpx.Client(base_url=server.url) as http:
            assert http.post("/subjects/s/versions", json=_body(1)).status_code == 200
            assert server.end(number) == 0
        # The last one to close a store removes its log.
        assert not (tmp_path / "registry" / "headrace.db-wal").exists()


def test_servers_share_a_folder(tmp_path: Path) -> None:
    """Two programs on one folder are one registry."""
    with ExitStack() as opened:
        first, second = (
            httpx.Client(base_url=opened.enter_context(_served("--cluster", f"embedded:{tmp_path}")).url)
            for _ in range(2)
        )
        with first, second:
            schema_id = first.post("/subjects/s/versions", json=_body(1)).json()["id"]
            assert second.get("/subjects/s/versions/1").json()["id"] == schema_id
            assert second.post("/subjects/s/versions", json=_body(1)).json()["id"] == schema_id


def test_it_decides_what_is_compatible_and_says_why_not(tmp_path: Path) -> None:
    """Under FORWARD an enum that grows is refused with 409; ``verbose`` tells the registry's own kind and the sentence for
    people; a field that is added is taken; under NONE anything is."""

    def body(status: list[str], **more: object) -> dict[str, str]:
        properties = {"status": {"type": "string", "enum": status}, **more}
        return {"schemaType": "JSON", "schema": json.dumps({"type": "object", "properties": properties})}

    with _served("--folder", str(tmp_path)) as server, httpx.Client(base_url=server.url) as http:
        http.put("/config/s", json={"compatibility": "FORWARD_TRANSITIVE"})
        assert http.post("/subjects/s/versions", json=body(["A"])).status_code == 200
        assert http.post("/subjects/s/versions", json=body(["A", "B"])).status_code == 409
        told = http.post("/compatibility/subjects/s/versions/latest?verbose=true", json=body(["A", "B"])).json()
        assert told["is_compatible"] is False
        assert "#/properties/status" in told["messages"][0] and "`status`" in told["messages"][-1], told
        assert http.post("/subjects/s/versions", json=body(["A"], till={"type": "string"})).status_code == 200
        told = http.post("/compatibility/subjects/other/versions/latest", json=body(["A"]))
        assert told.json() == {"is_compatible": True}
        http.put("/config/s", json={"compatibility": "NONE"})
        assert http.post("/subjects/s/versions", json=body(["B"])).status_code == 200


def test_a_port_that_is_taken_and_options_that_do_not_fit_are_usage_errors(tmp_path: Path) -> None:
    """Each is told with its hint, and the exit code is 2."""
    with _served("--folder", str(tmp_path)) as server:
        taken = server.url.rpartition(":")[2]
        for arguments in (
            ("--folder", str(tmp_path), "--port", taken),
            ("--folder", str(tmp_path), "--cluster", "kafka:localhost:1"),
            ("--folder", str(tmp_path), "--topic", "t"),
            ("--cluster", "postgres:x"),
        ):
            done = subprocess.run(
                [*HEADRACE, "registry", "serve", *arguments],
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert (done.returncode, "hint" in done.stderr) == (2, True), done.stderr
