"""The registry over HTTP on real sockets of loopback: TLS with an authority and client certificates of one's own, and a
registry that goes away."""

from __future__ import annotations

import datetime as dt
import http.server
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from headrace.adapters.http_registry import HttpRegistry
from headrace.errors import RegistryUnavailable, SettingsError
from headrace.model.schema import Compatibility
from headrace.testing.conformance.registry import json_schema
from headrace.testing.registry_server import ServedRegistry
from tests.unit.adapters.http_registry_support import InstantClock

PASSWORD = "k3y-Passw0rd"


@dataclass
class Party:
    certificate: Path
    key: Path
    locked_key: Path


class Authority:
    """Makes certificates in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        certificate = self._sign(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0))
        self.path = self._write("authority.pem", certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        return path

    def party(self, name: str) -> Party:
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, address)

        def pem(encryption: serialization.KeySerializationEncryption) -> bytes:
            return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)

        return Party(
            self._write(f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM)),
            self._write(f"{name}.key", pem(serialization.NoEncryption())),
            self._write(f"{name}.locked.key", pem(serialization.BestAvailableEncryption(PASSWORD.encode()))),
        )


class NoSubjects(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


class QuietServer(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us hangs up: that is what is tested."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def guarded(authority: Authority) -> Iterator[str]:
    """The URL of a server with TLS that wants a certificate of its client."""
    party = authority.party("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(party.certificate, party.key)
    context.load_verify_locations(authority.path)
    context.verify_mode = ssl.CERT_REQUIRED
    server = QuietServer(("127.0.0.1", 0), NoSubjects)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def ask(url: str, properties: dict[str, str]) -> None:
    registry = HttpRegistry(url, properties=properties, clock=InstantClock())
    try:
        assert registry.subjects() == []
    finally:
        registry.close()


def test_a_client_certificate_and_an_authority_of_one_s_own(guarded: str, authority: Authority) -> None:
    """With the key in a file of its own, locked or not, or in the certificate's file."""
    party = authority.party("client")
    both = party.certificate.with_name("both.pem")
    both.write_bytes(party.certificate.read_bytes() + party.key.read_bytes())
    ca = {"ssl.ca.location": str(authority.path)}
    certificate = {"ssl.certificate.location": str(party.certificate)}
    ask(guarded, ca | certificate | {"ssl.key.location": str(party.key)})
    ask(guarded, ca | certificate | {"ssl.key.location": str(party.locked_key), "ssl.key.password": PASSWORD})
    ask(guarded, ca | {"ssl.certificate.location": str(both)})


def test_neither_side_goes_on_without_trust(guarded: str, authority: Authority) -> None:
    """Without the authority the server is not trusted, and the error says which property is meant; without a certificate
    the client is not let in."""
    with pytest.raises(RegistryUnavailable, match=r"ssl\.ca\.location"):
        ask(guarded, {})
    with pytest.raises(RegistryUnavailable):
        ask(guarded, {"ssl.ca.location": str(authority.path)})


@pytest.mark.parametrize("password", [None, "wr0ng-Passw0rd"], ids=["none", "wrong"])
def test_a_locked_key_needs_its_password(authority: Authority, password: str | None) -> None:
    """Nobody is asked for it on a terminal, and what was tried is not told."""
    party = authority.party("locked")
    properties = {"ssl.certificate.location": str(party.certificate), "ssl.key.location": str(party.locked_key)}
    if password is not None:
        properties["ssl.key.password"] = password
    with pytest.raises(SettingsError, match=r"ssl\.certificate\.location") as raised:
        HttpRegistry("https://127.0.0.1", properties=properties)
    assert "wr0ng" not in f"{raised.value} {raised.value.data} {raised.value.__cause__!r}"


def test_when_the_registry_is_gone_known_schemas_go_on(tmp_path: Path) -> None:
    """A server on loopback that stops: what was read stays readable, what was not is unavailable; when it is back, all is."""
    first, second = json_schema("a"), json_schema("b")
    with ServedRegistry(tmp_path) as served:
        registry = HttpRegistry(served.url, clock=InstantClock())
        registry.set_compatibility("s", Compatibility.NONE)
        known, unknown = registry.register("s", first), registry.register("s", second)
        assert registry.by_id(known.id) == first
        assert registry.lookup("s", first) == known
    for _ in range(3):
        assert registry.by_id(known.id) == first
        assert registry.lookup("s", first) == known
    with pytest.raises(RegistryUnavailable):
        registry.by_id(unknown.id)
    with pytest.raises(RegistryUnavailable):
        registry.register("s", json_schema("c"))
    registry.close()
    with ServedRegistry(tmp_path) as served:
        again = HttpRegistry(served.url)
        assert again.by_id(unknown.id) == second
        again.close()
