"""Many pairs of schemas, a JSON line each, for programs: one line in, one line out, whatever stands in it.

In: ``id``, ``format`` (``json-schema`` or ``avro``), ``old`` and ``new`` (schemas, or their texts), ``mode``, ``profile``. Out:
``id``, ``registry`` (``accepted`` or ``refused``), ``semantic`` and ``tolerant`` (``safe``, ``broken`` or ``undecided``),
``findings``, ``witness``, and with ``profile``, ``release`` and ``reasons`` whose answer the registry's is and why; or ``id``
and ``error``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from headrace.catalogue.compatibility.checker import check_pair
from headrace.catalogue.compatibility.schema_files import MAX_BYTES, parsed, schema_of
from headrace.catalogue.compatibility.verdict import (
    Finding,
    PairVerdict,
    Verdict,
    Witness,
    encode,
)
from headrace.errors import InvalidSchema
from headrace.model.schema import Compatibility, SchemaFormat


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a line that does not say it means. ``witness`` False: none is looked for."""

    mode: Compatibility = Compatibility.FORWARD_TRANSITIVE
    profile: str = "confluent"
    witness: bool = True


class Answer(msgspec.Struct, frozen=True):
    """A line out. ``witness``: for the gravest finding. ``reasons``: the registry's own kinds of difference."""

    id: Any
    registry: str
    semantic: Verdict
    tolerant: Verdict
    findings: tuple[Finding, ...]
    witness: Witness | None
    profile: str
    release: str
    reasons: tuple[str, ...]


class Unanswered(msgspec.Struct, frozen=True):
    """A line out for a pair that cannot be read."""

    id: Any
    error: str


def answers(lines: Iterable[bytes], defaults: Defaults, jobs: int = 1) -> Iterator[bytes]:
    """Each line's answer, without a line end, in the order of ``lines``; empty lines have none. ``jobs``: processes."""
    asked = (line for line in lines if line.strip())
    one = partial(answer, defaults=defaults)
    if jobs <= 1:
        yield from map(one, asked)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(one, asked, chunksize=8)


def answer(line: bytes, defaults: Defaults) -> bytes:
    """One line's answer. Never raises."""
    id_: Any = None
    try:
        if len(line) > MAX_BYTES:
            raise InvalidSchema(f"the line is larger than {MAX_BYTES // 1024**2} MiB")
        pair = parsed(line.decode(), "the line")
        if not isinstance(pair, dict):
            raise InvalidSchema("the line is no object")
        id_ = pair.get("id")
        verdict = _verdict(pair, defaults)
        return encode(_answered(id_, verdict))
    except UnicodeDecodeError:
        return _error(id_, "the line is not UTF-8")
    except InvalidSchema as error:
        return _error(id_, error.message)
    except RecursionError:
        return _error(id_, "a schema nests too deeply")
    except Exception as error:  # a bug of ours in one pair must not cost the answers of the others
        return _error(id_, f"the checker fails on this pair: {type(error).__name__}: {error}")


def _answered(id_: Any, verdict: PairVerdict) -> Answer:
    registry = verdict.registry
    return Answer(
        id=id_,
        registry="accepted" if registry.accepted else "refused",
        semantic=verdict.semantic,
        tolerant=verdict.tolerant,
        findings=verdict.findings,
        witness=verdict.witness,
        profile=registry.profile,
        release=registry.release,
        reasons=registry.reasons,
    )


def _verdict(pair: dict[str, Any], defaults: Defaults) -> PairVerdict:
    for key in ("old", "new"):
        if key not in pair:
            raise InvalidSchema(f"the line has no {key!r}")
    form = _one_of(SchemaFormat, pair.get("format", SchemaFormat.JSON_SCHEMA), "format")
    mode = _one_of(Compatibility, str(pair.get("mode", defaults.mode)).upper(), "mode")
    profile = pair.get("profile", defaults.profile)
    if not is_profile(profile):
        raise InvalidSchema(f"the profile {profile!r} is unknown")
    old, new = schema_of(pair["old"], form), schema_of(pair["new"], form)
    return check_pair(old, new, mode, profile, witness=defaults.witness)


def is_profile(name: object) -> bool:
    """Whether ``name`` is one of the profiles."""
    from headrace.catalogue.compatibility.profiles import PROFILES

    return isinstance(name, str) and name in PROFILES


def _one_of(kind: Any, value: object, what: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise InvalidSchema(f"the {what} {value!r} is unknown") from None


def _error(id_: Any, message: str) -> bytes:
    # A text of JSON may hold half a character, which no UTF-8 has.
    said = message.encode("utf-8", "replace").decode()
    try:
        return encode(Unanswered(id_, said))
    except UnicodeEncodeError:
        return encode(Unanswered(None, said))
