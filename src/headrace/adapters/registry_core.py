"""A registry on any storage of its tables: the rules and the questions, each in one consistent look or one change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol, TypeVar

from headrace.adapters import registry_reads as reads
from headrace.adapters import registry_rules as rules
from headrace.adapters.embedded_schemas import schema_problem
from headrace.adapters.registry_forms import guid_of
from headrace.adapters.registry_tables import GLOBAL, Tables
from headrace.errors import CheckUnsupported, RegistryError
from headrace.interfaces.compatibility import CompatibilityChecker
from headrace.interfaces.registry import SubjectState
from headrace.interfaces.registry_store import Deleted, Mode, RegistryConfig, StoredSchema, StoredVersion, Version
from headrace.model.schema import Compatibility, RegisteredSchema, SchemaText

T = TypeVar("T")


class Storage(Protocol):
    """Where the tables are. Both methods raise only `RegistryError`s of their own, and pass on those of the function."""

    def read(self, look: Callable[[Tables], T]) -> T:
        """What ``look`` finds in one consistent state."""

    def peek(self, look: Callable[[Tables], T]) -> T:
        """As `read`, of a state that may be a little behind, also while the store is out of reach: for what never changes."""

    def write(self, change: Callable[[Tables], T]) -> T:
        """What ``change`` answers, once what it put is durable: all of it, or nothing where it raises. It may be called
        more than once."""

    def close(self) -> None: ...


class StoredRegistry:
    """`SchemaRegistry`, `BulkRegistry` and `RegistryStore`. ``checker``: decides compatibility; without one every schema that
    parses is registered, and `check` and `compare` say that they cannot tell."""

    def __init__(self, storage: Storage, checker: CompatibilityChecker | None = None) -> None:
        self._storage = storage
        self._checker = checker

    # --- SchemaRegistry

    def subjects(self, prefix: str = "") -> Sequence[str]:
        return self.list_subjects(prefix)

    def versions(self, subject: str) -> Sequence[int]:
        return self.list_versions(subject)

    def version(self, subject: str, version: int | Literal["latest"]) -> RegisteredSchema:
        return _registered(self.find_version(subject, version))

    def by_id(self, schema_id: int) -> SchemaText:
        found = self._storage.peek(lambda tables: tables.text(schema_id))
        return found or self._storage.read(lambda tables: reads.text_of(tables, schema_id))

    def lookup(self, subject: str, schema: SchemaText) -> RegisteredSchema:
        return _registered(self.find_schema(subject, schema))

    def register(self, subject: str, schema: SchemaText) -> RegisteredSchema:
        return _registered(self.add(subject, schema))

    def check(self, subject: str, schema: SchemaText) -> Sequence[str]:
        if self._checker is None:
            raise CheckUnsupported("this registry has no compatibility checker", subject=subject)

        def look(tables: Tables) -> Sequence[str]:
            problem = rules.problem_of(tables, schema)
            if problem is not None:
                return [problem]
            live = reads.chosen(tables.rows(subject), Deleted.HIDDEN)
            if reads.matching(tables, live, schema, normalize=False) is not None:
                return []
            return rules.compare(tables, subject, schema, None, rules.Verdicts(self._checker), normalize=False)

        return self._storage.read(look)

    def delete_subject(self, subject: str) -> Sequence[int]:
        return self._storage.write(lambda tables: rules.purge(tables, subject))

    def compatibility(self, subject: str | None = None) -> Compatibility | None:
        def look(tables: Tables) -> Compatibility | None:
            if subject is None:
                return reads.config_of(tables, None, in_scope=False).compatibility
            own = tables.config(subject)
            return own.compatibility if own is not None else None

        return self._storage.read(look)

    def set_compatibility(self, subject: str | None, level: Compatibility) -> None:
        self.set_compatibility_many({subject or GLOBAL: level})

    # --- BulkRegistry

    def states(self, prefix: str = "") -> Mapping[str, SubjectState]:
        return self._storage.read(lambda tables: reads.states(tables, prefix))

    def register_many(self, schemas: Sequence[tuple[str, SchemaText]]) -> Sequence[RegisteredSchema | RegistryError]:
        problems = _problems([schema for _, schema in schemas])

        def change(tables: Tables) -> list[RegisteredSchema | RegistryError]:
            verdicts = rules.Verdicts(self._checker)
            answers: list[RegisteredSchema | RegistryError] = []
            for subject, schema in schemas:
                try:
                    added = rules.register(tables, subject, schema, verdicts=verdicts, problems=problems)
                    answers.append(_registered(added))
                except RegistryError as error:
                    answers.append(error)
            return answers

        return self._storage.write(change)

    def set_compatibility_many(self, levels: Mapping[str, Compatibility]) -> None:
        def change(tables: Tables) -> None:
            for subject, level in levels.items():
                rules.set_config(tables, subject or None, RegistryConfig(level))

        self._storage.write(change)

    # --- RegistryStore: looking up

    def list_subjects(self, prefix: str = "", *, deleted: Deleted = Deleted.HIDDEN) -> Sequence[str]:
        return self._storage.read(lambda tables: reads.subjects(tables, prefix, deleted))

    def list_versions(self, subject: str, *, deleted: Deleted = Deleted.HIDDEN) -> Sequence[int]:
        return self._storage.read(lambda tables: [row.version for row in reads.history(tables, subject, deleted)])

    def list_schemas(
        self, prefix: str = "", *, deleted: Deleted = Deleted.HIDDEN, latest_only: bool = False
    ) -> Sequence[StoredVersion]:
        return self._storage.read(lambda tables: reads.schemas(tables, prefix, deleted, latest_only))

    def find_version(self, subject: str, version: Version, *, deleted: bool = False) -> StoredVersion:
        return self._storage.read(
            lambda tables: reads.stored(tables, subject, reads.row_of(tables, subject, version, deleted=deleted))
        )

    def find_schema(
        self, subject: str, schema: SchemaText, *, normalize: bool = False, deleted: bool = False
    ) -> StoredVersion:
        return self._storage.read(
            lambda tables: rules.find_schema(tables, subject, schema, normalize=normalize, deleted=deleted)
        )

    def find_id(self, schema_id: int) -> StoredSchema:
        schema = self.by_id(schema_id)
        return StoredSchema(schema_id, guid_of(schema), schema)

    def find_guid(self, guid: str) -> Sequence[StoredSchema]:
        return self._storage.read(lambda tables: reads.by_guid(tables, guid))

    def uses_of(self, schema_id: int, *, deleted: bool = False) -> Sequence[tuple[str, int]]:
        return self._storage.read(lambda tables: reads.uses(tables, schema_id, deleted))

    def referenced_by(self, subject: str, version: Version) -> Sequence[int]:
        def look(tables: Tables) -> list[int]:
            row = reads.row_of(tables, subject, version, deleted=True)
            return reads.live_referrers(tables, subject, row.version)

        return self._storage.read(look)

    def max_id(self) -> int:
        return self._storage.read(lambda tables: tables.max_id())

    # --- RegistryStore: changing

    def add(
        self,
        subject: str,
        schema: SchemaText,
        *,
        normalize: bool = False,
        schema_id: int | None = None,
        version: int | None = None,
    ) -> StoredVersion:
        # Parsed here, not while others wait to write.
        problems = _problems([schema])
        return self._storage.write(
            lambda tables: rules.register(
                tables,
                subject,
                schema,
                verdicts=rules.Verdicts(self._checker),
                problems=problems,
                normalize=normalize,
                schema_id=schema_id,
                version=version,
            )
        )

    def compare(
        self, subject: str, schema: SchemaText, *, version: Version | None = None, normalize: bool = False
    ) -> Sequence[str]:
        verdicts = rules.Verdicts(self._checker)
        return self._storage.read(
            lambda tables: rules.compare(tables, subject, schema, version, verdicts, normalize=normalize)
        )

    def delete_versions(self, subject: str, *, permanent: bool = False) -> Sequence[int]:
        return self._storage.write(lambda tables: rules.delete_versions(tables, subject, permanent=permanent))

    def delete_version(self, subject: str, version: Version, *, permanent: bool = False) -> int:
        return self._storage.write(lambda tables: rules.delete_version(tables, subject, version, permanent=permanent))

    # --- RegistryStore: settings

    def config(self, subject: str | None = None, *, in_scope: bool = False) -> RegistryConfig:
        return self._storage.read(lambda tables: reads.config_of(tables, subject, in_scope=in_scope))

    def set_config(self, subject: str | None, config: RegistryConfig) -> None:
        self._storage.write(lambda tables: rules.set_config(tables, subject, config))

    def delete_config(self, subject: str | None) -> RegistryConfig:
        return self._storage.write(lambda tables: rules.delete_config(tables, subject))

    def mode(self, subject: str | None = None, *, in_scope: bool = False) -> Mode:
        return self._storage.read(lambda tables: reads.mode_of(tables, subject, in_scope=in_scope))

    def set_mode(self, subject: str | None, mode: Mode, *, force: bool = False) -> None:
        self._storage.write(lambda tables: rules.set_mode(tables, subject, mode, force=force))

    def delete_mode(self, subject: str | None) -> Mode:
        return self._storage.write(lambda tables: rules.delete_mode(tables, subject))

    def close(self) -> None:
        self._storage.close()


def _problems(schemas: Sequence[SchemaText]) -> dict[SchemaText, str | None]:
    """What is wrong with those that refer to nothing, each distinct one looked at once."""
    return {schema: schema_problem(schema) for schema in dict.fromkeys(schemas) if not schema.references}


def _registered(stored: StoredVersion) -> RegisteredSchema:
    return RegisteredSchema(stored.subject, stored.version, stored.id, stored.schema)
