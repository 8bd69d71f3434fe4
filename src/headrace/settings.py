"""Every option of a Headrace program, described once.

An option's value is the first of: the argument, the environment (``HEADRACE_`` + its name in capitals), the settings file
(``headrace.toml`` in the working directory, or the file that ``HEADRACE_SETTINGS`` names), its default. The table in
docs/settings.md is checked against `OPTIONS` by a test.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from headrace.errors import SettingsError
from headrace.model.credentials import parse_properties

T = TypeVar("T")


class ClientProperties(dict[str, str]):
    """A client's properties. Some are secrets, so it shows their names only."""

    def __repr__(self) -> str:
        return f"ClientProperties({', '.join(self)})"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Option(Generic[T]):
    """``parse`` makes the value from text and raises ValueError with what it expected."""

    name: str
    description: str
    parse: Callable[[str], T]
    default: T | None
    shown: str
    """The kind of value, for the documentation."""
    table: Callable[[Mapping[str, Any]], T] | None = None
    """Makes the value from a table (TOML's, or a mapping as an argument), where it may be one."""
    secret: bool = False
    """Its value is never shown, not even where it is malformed."""

    @property
    def variable(self) -> str:
        return f"HEADRACE_{self.name.upper()}"


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("expected some text")
    return value


def _path(value: str) -> Path:
    return Path(_text(value)).expanduser()


def _seconds(value: str) -> float:
    number = float(value.removesuffix("s"))
    if not 0 < number < 86_400:
        raise ValueError("expected seconds, more than 0 and less than a day")
    return number


def _bytes(value: str) -> int:
    units = {"kib": 1024, "mib": 1024**2, "gib": 1024**3, "kb": 1000, "mb": 1000**2, "gb": 1000**3}
    text = value.strip().lower().replace(" ", "")
    for unit, factor in units.items():
        if text.endswith(unit):
            return int(float(text.removesuffix(unit)) * factor)
    return int(text)


def _count(value: str) -> int:
    number = int(value)
    if number < 1:
        raise ValueError("expected a whole number from 1")
    return number


_SWITCH = {"on": True, "true": True, "yes": True, "off": False, "false": False, "no": False}


def _switch(value: str) -> bool:
    try:
        return _SWITCH[value.strip().lower()]
    except KeyError:
        raise ValueError("expected on or off") from None


def _metrics(value: str) -> str | None:
    switched = _SWITCH.get(value.strip().lower())
    if switched is not None:
        return "on" if switched else None
    port = value.rpartition(":")[2]
    if ":" not in value or not port.isdigit() or int(port) > 65_535:
        raise ValueError("expected on, off, or HOST:PORT to serve them on")
    return value


def _share(value: str) -> float:
    switched = _SWITCH.get(value.strip().lower())
    share = float(value) if switched is None else float(switched)
    if not 0 <= share <= 1:
        raise ValueError("expected on, off, or a share from 0 to 1")
    return share


def _properties(value: str) -> ClientProperties:
    return ClientProperties(parse_properties(value))


def _property_table(value: Mapping[str, Any]) -> ClientProperties:
    """TOML reads a bare ``ssl.ca.location = ...`` as tables within tables: they are put together again."""
    found = ClientProperties()
    for name, content in value.items():
        if isinstance(content, Mapping):
            found.update({f"{name}.{rest}": text for rest, text in _property_table(content).items()})
        elif isinstance(content, bool):
            found[name] = str(content).lower()
        elif isinstance(content, str | int | float):
            found[name] = str(content)
        else:
            raise ValueError(f"{name} is neither text nor a number")
    return found


OPTIONS: tuple[Option[Any], ...] = (
    Option("application", "The application that this program is, as the catalogue declares it", _text, None, "id"),
    Option("region", "The one region that this process serves", _text, None, "id"),
    Option(
        "catalogue",
        "A declaration repository to start from instead of the region's catalogue topic; for development",
        _path,
        None,
        "folder",
    ),
    Option(
        "cluster",
        "The region's cluster where no catalogue folder is given: `embedded:FOLDER`, or `kafka:HOST:PORT,...`",
        _text,
        None,
        "address",
    ),
    Option(
        "registry",
        "The region's registry where no catalogue folder is given: `embedded` (in the cluster's folder), or a URL",
        _text,
        "embedded",
        "address",
    ),
    Option(
        "cluster_id",
        "The id that the cluster must answer with; a program never publishes to another",
        _text,
        None,
        "id",
    ),
    Option(
        "cluster_properties",
        "Further settings of the Kafka client, by librdkafka's names, over those that a catalogue folder declares",
        _properties,
        None,
        "properties",
        table=_property_table,
        secret=True,
    ),
    Option(
        "registry_properties",
        "Further settings of the registry's client, by confluent-kafka's names, over those that a catalogue folder declares",
        _properties,
        None,
        "properties",
        table=_property_table,
        secret=True,
    ),
    Option(
        "drain_timeout",
        "How long a stopping consumer waits for handlers that are running, and a producer for its receipts",
        _seconds,
        30.0,
        "seconds",
    ),
    Option("workers", "Threads that run synchronous handlers, per process", _count, 8, "number"),
    Option("buffer_bytes", "The most that a consumer keeps in memory over all lanes", _bytes, 64 * 1024**2, "bytes"),
    Option("lane_buffer_bytes", "The most that a consumer keeps of one tenant", _bytes, 8 * 1024**2, "bytes"),
    Option(
        "metrics",
        "Metrics for Prometheus: `on` in prometheus-client's registry, `HOST:PORT` to serve them there as well",
        _metrics,
        None,
        "address",
    ),
    Option("metrics_by_tenant", "One series for each tenant, instead of one for all", _switch, False, "on or off"),
    Option(
        "tracing",
        "OpenTelemetry traces: the share of publishes outside any trace that begin one, `on` for all; 0 is off",
        _share,
        0.0,
        "share",
    ),
)

_BY_NAME = {option.name: option for option in OPTIONS}


class Settings:
    """The values of one program: ``settings.region``, ``settings["region"]``; `source` says where one came from."""

    def __init__(self, values: Mapping[str, Any], sources: Mapping[str, str]) -> None:
        self._values = dict(values)
        self._sources = dict(sources)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def source(self, name: str) -> str:
        """``argument``, ``environment HEADRACE_X``, ``file PATH`` or ``default``."""
        return self._sources[name]

    def require(self, name: str) -> Any:
        """The value, or a `SettingsError` that says how to give one."""
        value = self._values[name]
        if value is None:
            option = _BY_NAME[name]
            raise SettingsError(
                f"{name} is not set: {option.description[0].lower()}{option.description[1:]}",
                hint=f"pass {name}=..., set {option.variable}, or write {name} = ... in headrace.toml",
                option=name,
            )
        return value


def load_settings(
    *, environment: Mapping[str, str] | None = None, directory: Path | None = None, **arguments: Any
) -> Settings:
    """Gather all options. ``arguments`` that are None count as not given. Raises `SettingsError` for every fault of the
    first source that has one: an unknown name, or a value that does not parse."""
    environ = os.environ if environment is None else environment
    values: dict[str, Any] = {option.name: option.default for option in OPTIONS}
    sources = dict.fromkeys(values, "default")

    named = environ.get("HEADRACE_SETTINGS")
    path = Path(named) if named else (directory or Path()) / "headrace.toml"
    if named and not path.is_file():
        raise SettingsError(f"HEADRACE_SETTINGS names {named}, which is not there", option="HEADRACE_SETTINGS")
    if path.is_file():
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} is not TOML: {error}", path=str(path)) from error
        _take(values, sources, content, f"file {path}")

    prefix = "HEADRACE_"
    from_environment = {
        key.removeprefix(prefix).lower(): value
        for key, value in environ.items()
        if key.startswith(prefix) and key.removeprefix(prefix).lower() in _BY_NAME
    }
    for name, value in from_environment.items():
        _take(values, sources, {name: value}, f"environment {prefix}{name.upper()}")
    _take(values, sources, {k: v for k, v in arguments.items() if v is not None}, "argument")
    return Settings(values, sources)


def _take(values: dict[str, Any], sources: dict[str, str], given: Mapping[str, Any], source: str) -> None:
    problems = []
    for name, raw in given.items():
        option = _BY_NAME.get(name)
        if option is None:
            close = difflib.get_close_matches(name, _BY_NAME, 1)
            problems.append(f"{name} is not an option" + (f"; did you mean {close[0]}?" if close else ""))
            continue
        try:
            if isinstance(raw, Mapping) and option.table is not None:
                values[name] = option.table(raw)
            else:
                values[name] = option.parse(str(raw))
        except ValueError as error:
            problems.append(f"{name}: {error}" if option.secret else f"{name} = {raw!r}: {error}")
            continue
        sources[name] = source
    if problems:
        raise SettingsError(f"{source}: " + "; ".join(problems), problems=tuple(problems))
