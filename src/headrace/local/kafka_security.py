"""A secure local cluster: who may sign in, and with what.

Clients sign in with SCRAM-SHA-512 and may do nothing that no access rule permits, but for the administrator, who may do
everything. Its password is random and stands in two files of the folder that only the owner may read: its own, and the
arguments that the storage tool is given when a node is formatted. The nodes sign in to each other with a password of their
own, on listeners of their own.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from headrace.errors import BrokerUnavailable, SettingsError
from headrace.local.kafka_ready import quiet_admin
from headrace.local.private_files import write_private

ADMIN = "admin"
"""The administrator's name."""

NODES = "headrace-node"
"""The name that nodes have among themselves."""

MECHANISM = "SCRAM-SHA-512"
ITERATIONS = 4096  # what Kafka asks for at least; the passwords are random
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"


def password_in(folder: Path, name: str) -> str:
    """The password that the folder keeps for ``name`` (``{name}.password``); a new one where it keeps none."""
    path = password_file(folder, name)
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        password = secrets.token_hex(20)
        write_private(path, f"{password}\n")
        return password


def password_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.password"


def node_security(password: str) -> dict[str, str]:
    """The settings that make a node secure. ``password``: the nodes' own."""
    plain = f'{_PLAIN} required username="{NODES}" password="{password}" user_{NODES}="{password}";'
    among_nodes = {
        f"listener.name.{listener}.{setting}": value
        for listener in ("internal", "controller")
        for setting, value in (("sasl.enabled.mechanisms", "PLAIN"), ("plain.sasl.jaas.config", plain))
    }
    return {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN};User:{NODES}",
        "allow.everyone.if.no.acl.found": "false",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.client.sasl.enabled.mechanisms": MECHANISM,
        f"listener.name.client.{MECHANISM.lower()}.sasl.jaas.config": f"{_SCRAM} required;",
        **among_nodes,
    }


def scram_argument(password: str) -> str:
    """The storage tool's ``--add-scram`` for the administrator."""
    return f"{MECHANISM}=[name={ADMIN},password={password}]"


def sign_in(name: str, password: str, mechanism: str = MECHANISM) -> Mapping[str, str]:
    """librdkafka's properties of one who signs in."""
    return MappingProxyType(
        {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": mechanism,
            "sasl.username": name,
            "sasl.password": password,
        }
    )


def make_user(connect: Callable[[], AdminClient], name: str, deadline: float) -> str:
    """Make a user, or give the one that is there a new password; its password. Raises `SettingsError` for a name that
    the cluster keeps for itself, `BrokerUnavailable` when the cluster has not taken it by ``deadline`` (of the monotonic
    clock). ``connect``: a new client."""
    if name in (ADMIN, NODES):
        raise SettingsError(f"{name} is a name that the local cluster keeps for itself")
    password = secrets.token_hex(20)
    wanted = UserScramCredentialUpsertion(
        name, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS), password.encode()
    )
    while True:
        # A client that takes a node for the controller which has just ended asks it in vain: so a new one, and shortly.
        admin = connect()
        try:
            admin.alter_user_scram_credentials([wanted], request_timeout=5)[name].result()
            return password
        except (KafkaException, ValueError) as error:
            if time.monotonic() > deadline:
                raise BrokerUnavailable(f"the user {name!r} could not be made: {error}") from error
            time.sleep(0.1)


def wait_until_known(bootstraps: Mapping[str, str], properties: Mapping[str, str], deadline: float) -> None:
    """Return when every node lets the user in: a node hears of a new user some milliseconds after it was made.
    ``bootstraps``: a node's name to its address; ``deadline`` of the monotonic clock."""
    for node, bootstrap in bootstraps.items():
        while True:
            try:
                # A client that was refused tries again much later: a new one asks at once. It is kept until it has the answer.
                asking = quiet_admin(bootstrap, properties)
                asking.describe_cluster(request_timeout=2).result()
                break
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise BrokerUnavailable(f"{node} does not know the new user: {error}") from error
                time.sleep(0.05)
