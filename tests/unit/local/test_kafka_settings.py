"""What a local cluster's nodes are told, and what its folder keeps of it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from headrace.errors import SettingsError
from headrace.local import kafka_security as security
from headrace.local.kafka_layout import FILE, layout_in
from headrace.local.kafka_settings import node_settings


def test_a_folder_keeps_id_and_ports(tmp_path: Path) -> None:
    """The second look at a folder finds what the first one made; another folder has another id and other ports."""
    first = layout_in(tmp_path, 3, False)
    assert layout_in(tmp_path, 3, False) == first
    (tmp_path / "other").mkdir()
    other = layout_in(tmp_path / "other", 3, False)
    assert other.cluster_id != first.cluster_id
    assert len({port for p in first.ports for port in (p.client, p.internal, p.controller)}) == 9
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Another number of nodes, another security, a number that is not offered, and rubbish are settings errors."""
    layout_in(tmp_path, 1, False)
    with pytest.raises(SettingsError, match="1 node, not of 3 nodes"):
        layout_in(tmp_path, 3, False)
    with pytest.raises(SettingsError, match="1 node, not of 1 secure node"):
        layout_in(tmp_path, 1, True)
    with pytest.raises(SettingsError, match="not 2"):
        layout_in(tmp_path, 2, False)
    (tmp_path / FILE).write_text("{")
    with pytest.raises(SettingsError, match="not what a local Kafka keeps"):
        layout_in(tmp_path, 1, False)


@pytest.mark.parametrize(("nodes", "copies", "needed"), [(1, "1", None), (3, "3", "2")])
def test_three_nodes_keep_three_copies_of_which_a_write_needs_two(
    tmp_path: Path, nodes: int, copies: str, needed: str | None
) -> None:
    """Everything has a copy on each node, and one node of three may be lost; every node knows all controllers."""
    layout = layout_in(tmp_path, nodes, False)
    for node in range(1, nodes + 1):
        told = node_settings(layout, node, tmp_path / "data", {}, {})
        assert {value for name, value in told.items() if name.endswith("replication.factor")} == {copies}
        assert told.get("min.insync.replicas") == needed
        assert told["node.id"] == str(node)
        assert told["controller.quorum.voters"].count("@") == nodes
        assert str(layout.ports[node - 1].client) in told["advertised.listeners"]


def test_an_advertised_port_is_told_to_clients_alone(tmp_path: Path) -> None:
    """The node listens on its own port and tells its clients the other one; what nodes tell each other stays."""
    layout = layout_in(tmp_path, 1, False)
    plain = node_settings(layout, 1, tmp_path, {}, {})
    through = node_settings(layout, 1, tmp_path, {1: 4242}, {})
    assert through["advertised.listeners"].startswith("CLIENT://127.0.0.1:4242,")
    changed = {name for name in plain if plain[name] != through[name]}
    assert changed == {"advertised.listeners"}


def test_a_secure_node_lets_nobody_in_unasked(tmp_path: Path) -> None:
    """All listeners ask who it is, clients by SCRAM; what no rule permits is refused; two names may do everything."""
    layout = layout_in(tmp_path, 1, True)
    told = node_settings(layout, 1, tmp_path, {}, security.node_security("secret"))
    assert "PLAINTEXT" not in told["listener.security.protocol.map"].replace("SASL_PLAINTEXT", "")
    assert told["listener.name.client.sasl.enabled.mechanisms"] == "SCRAM-SHA-512"
    assert told["allow.everyone.if.no.acl.found"] == "false"
    assert told["super.users"] == "User:admin;User:headrace-node"


def test_a_password_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """The second look finds the first one's password; each name has its own; the file's mode is 0600."""
    password = security.password_in(tmp_path, "admin")
    assert security.password_in(tmp_path, "admin") == password
    assert security.password_in(tmp_path, "node") != password
    assert len(password) == 40
    assert stat.S_IMODE(security.password_file(tmp_path, "admin").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", [security.ADMIN, security.NODES])
def test_a_user_cannot_have_a_name_that_may_do_everything(name: str) -> None:
    """The names of the administrator and the nodes are refused, before anything is asked of the cluster."""

    def connect() -> None:
        raise AssertionError("no client is needed for that")

    with pytest.raises(SettingsError, match="keeps for itself"):
        security.make_user(connect, name, 0)
