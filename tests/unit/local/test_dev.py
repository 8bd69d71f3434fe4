"""`headrace dev`: its state, what it prints, and what it refuses, without a server."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.catalogue.located_yaml import YamlText
from headrace.errors import SettingsError
from headrace.local import dev, dev_keeper, dev_settings, dev_state
from headrace.local.dev_state import Failure, Request, RunningRegion, State
from headrace.model.credentials import parse_properties

PLAIN = RunningRegion(bootstrap="127.0.0.1:1,127.0.0.1:2", cluster_id="abc", registry="http://127.0.0.1:3")
SECURE = RunningRegion(
    bootstrap="127.0.0.1:4",
    cluster_id="def",
    registry="http://127.0.0.1:5",
    admin={"sasl.username": "admin", "sasl.password": "file:/somewhere/admin.password"},
)


def test_state_and_request_come_back_as_they_were(tmp_path: Path) -> None:
    """What is written is read, and only its owner may read it; where nothing is written there is nothing."""
    assert dev_state.read_state(tmp_path) is None
    assert dev_state.read_request(tmp_path) is None
    request = Request(nodes=3, regions=("eu", "us"), secure=True, users=("plan",))
    state = State(
        pid=7, request=request, begun=2, done=1, regions={"eu": SECURE}, steps=("a",), failure=Failure("x", "y")
    )
    dev_state.write_request(tmp_path, request)
    dev_state.write_state(tmp_path, state)
    assert dev_state.read_request(tmp_path) == request
    assert dev_state.read_state(tmp_path) == state
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_a_broken_state_is_told(tmp_path: Path) -> None:
    """A file that something else wrote is a settings error with what to do, in every command."""
    (tmp_path / dev_state.STATE).write_text("[]")
    for command in (dev.last_request, dev.down):
        with pytest.raises(SettingsError, match="not what `headrace dev up` writes"):
            command(tmp_path)


def test_a_keeper_lives_while_it_holds_the_folder(tmp_path: Path) -> None:
    """Of two that want the folder the first gets it; it lives until it lets go, whatever its process id."""
    assert not dev_state.keeper_lives(tmp_path)
    held = dev_state.hold(tmp_path)
    assert held is not None
    assert dev_state.keeper_lives(tmp_path)
    assert dev_state.hold(tmp_path) is None
    os.close(held)
    assert not dev_state.keeper_lives(tmp_path)


def test_a_second_keeper_leaves_the_first_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another keeper has the folder, one that is started ends at once and says so by its code."""
    monkeypatch.setattr(dev_keeper.signal, "signal", lambda *_: None)
    held = dev_state.hold(tmp_path)
    assert held is not None
    assert dev_keeper.main(tmp_path) == dev_keeper.OTHER_KEEPER
    os.close(held)


def test_a_region_s_environment_is_what_the_settings_are_called(tmp_path: Path) -> None:
    """The names are settings of Headrace; a plain cluster has no client properties, a secure one no written secret."""
    from headrace.settings import load_settings

    environment = dev_settings.exports("eu", PLAIN)
    settings = load_settings(environment=environment, directory=tmp_path)
    assert (settings.region, settings.cluster, settings.cluster_id, settings.registry) == (
        "eu",
        "kafka:127.0.0.1:1,127.0.0.1:2",
        "abc",
        "http://127.0.0.1:3",
    )
    assert "HEADRACE_CLUSTER_PROPERTIES" not in environment
    secure = load_settings(environment=dev_settings.exports("us", SECURE), directory=tmp_path)
    assert dict(secure.cluster_properties) == SECURE.admin


def test_a_shell_reads_the_lines_as_they_were_meant() -> None:
    """A value with spaces, quotes and dollars is what it was after a shell has read the line."""
    import subprocess

    odd = {"HEADRACE_REGION": 'it\'s "$HOME" `x` \\'}
    script = dev_settings.shell(odd) + 'printf %s "$HEADRACE_REGION"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout == odd["HEADRACE_REGION"]


@given(
    st.dictionaries(
        st.sampled_from(["sasl.password", "sasl.username", "ssl.ca.location"]),
        st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1).map(str.strip).filter(bool),
        min_size=2,
    )
)
def test_joined_properties_are_read_as_they_were(properties: dict[str, str]) -> None:
    """Whatever stands in a value, a comma too, the settings read back what was joined."""
    assert parse_properties(dev_settings.joined(properties)) == properties


def test_the_regions_block_is_what_the_catalogue_reads() -> None:
    """The block is YAML with each region's cluster, id and registry; the password is a reference."""
    read = YamlText(dev_settings.regions_block({"eu": PLAIN, "us": SECURE}))
    assert not read.findings
    assert read.value["regions"]["eu"] == {
        "name": "eu",
        "cluster": {"kind": "kafka", "bootstrap": PLAIN.bootstrap, "clusterId": "abc"},
        "registry": {"kind": "http", "url": PLAIN.registry},
    }
    assert read.value["regions"]["us"]["cluster"]["properties"] == SECURE.admin


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request(regions=("EU",)), "EU"),
        (Request(regions=("",)), "region"),
        (Request(regions=("eu", "eu")), "once"),
        (Request(users=("plan",)), "--secure"),
        (Request(secure=True, users=("../plan",)), "user"),
    ],
)
def test_what_cannot_be_started_is_refused_before_anything_is_made(
    tmp_path: Path, request_: Request, says: str
) -> None:
    """Ids that are none, a region twice, users of an open cluster: a settings error, and the folder is not made."""
    with pytest.raises(SettingsError, match=says):
        dev.up(tmp_path / "new", request_, lambda _: None)
    assert not (tmp_path / "new").exists()


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Where the folder holds one kind of set-up, another is refused, with the way out; more users are none."""
    dev_state.write_state(tmp_path, State(pid=1, request=Request(nodes=3, secure=True)))
    for other in (Request(secure=True), Request(nodes=3), Request(nodes=3, secure=True, regions=("us",))):
        with pytest.raises(SettingsError, match="headrace dev down"):
            dev.up(tmp_path, other, lambda _: None)
    dev._same_kind(tmp_path, Request(secure=True), Request(secure=True, users=("plan",)))


def test_what_was_said_before_is_remembered(tmp_path: Path) -> None:
    """A folder's last request is the one of its state; a new folder has the usual one."""
    assert dev.last_request(tmp_path) == Request()
    dev_state.write_state(tmp_path, State(pid=1, request=Request(nodes=3)))
    assert dev.last_request(tmp_path) == Request(nodes=3)


def test_down_removes_only_what_up_made(tmp_path: Path) -> None:
    """The parts' folders and files go, somebody else's file stays and its folder with it; `keep` removes nothing."""
    folder = tmp_path / "set-up"
    (folder / "eu").mkdir(parents=True)
    (folder / "eu" / "data").touch()
    dev_state.write_state(folder, State(pid=1, request=Request()))
    (folder / "eu.env").touch()
    (folder / "mine.txt").touch()
    assert dev.down(folder, keep=True) is False
    assert (folder / "eu" / "data").exists()
    assert dev.down(folder) is False
    assert [file.name for file in folder.iterdir()] == ["mine.txt"]
    (folder / "mine.txt").unlink()
    dev_state.write_state(folder, State(pid=1, request=Request()))
    dev.down(folder)
    assert not folder.exists()


def test_down_where_nothing_ever_ran_touches_nothing(tmp_path: Path) -> None:
    """A folder without a state is not one of ours: nothing of it is removed."""
    (tmp_path / "eu").mkdir()
    (tmp_path / "keeper.log").touch()
    assert dev.down(tmp_path) is False
    assert {file.name for file in tmp_path.iterdir()} == {"eu", "keeper.log"}
