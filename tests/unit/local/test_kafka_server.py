"""The local Kafka's command, without a node."""

from __future__ import annotations

import pytest

from headrace.errors import SettingsError
from headrace.local import kafka_server


def test_fetch_says_what_it_does(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`fetch` prints its steps and ends with 0."""
    monkeypatch.setattr(kafka_server, "fetch", lambda say: say("fetching"))
    assert kafka_server.main(["fetch"]) == 0
    assert capsys.readouterr().out == "fetching\n"


def test_what_is_missing_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without jars the command ends with 1, and the error and its remedy are on standard error."""

    def missing() -> None:
        raise SettingsError("the jars are not fetched yet", hint="run `make kafka-libs`")

    monkeypatch.setattr(kafka_server, "libs_folder", missing)
    assert kafka_server.main(["run"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "the jars are not fetched yet (run `make kafka-libs`)\n"
