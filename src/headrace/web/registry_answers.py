"""What a registry server answers: JSON of Confluent's shapes, and its status and error code for each error."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from headrace import errors
from headrace.interfaces.registry_store import RegistryConfig, StoredSchema, StoredVersion
from headrace.model.schema import SchemaFormat, SchemaText

LOG = logging.getLogger(__name__)

V1 = "application/vnd.schemaregistry.v1+json"
PLAIN = "application/json"
MEDIA_TYPES = (V1, "application/vnd.schemaregistry+json", PLAIN)

_LEVELS = "none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive"


class Text(str):
    """An answer that is this text itself, not JSON of it."""


def response(value: Any, media_type: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = value.encode() if isinstance(value, Text) else msgspec.json.encode(value)
    return Response(body, status, headers, media_type)


# --- what is found


def schema_fields(schema: SchemaText) -> dict[str, Any]:
    """``schemaType`` is left out for Avro, ``references`` where there are none."""
    fields: dict[str, Any] = {}
    if schema.format is not SchemaFormat.AVRO:
        fields["schemaType"] = schema.format.registry_type
    if schema.references:
        fields["references"] = [
            {"name": reference.name, "subject": reference.subject, "version": reference.version}
            for reference in schema.references
        ]
    fields["schema"] = schema.text
    return fields


def version_answer(stored: StoredVersion) -> dict[str, Any]:
    answer = {"subject": stored.subject, "version": stored.version, "id": stored.id, "guid": stored.guid}
    answer |= schema_fields(stored.schema)
    return answer | {"deleted": True} if stored.deleted else answer


def registered_answer(stored: StoredVersion) -> dict[str, Any]:
    return {"id": stored.id, "version": stored.version, "guid": stored.guid, **schema_fields(stored.schema)}


def schema_answer(stored: StoredSchema, max_id: int | None) -> dict[str, Any]:
    answer = {"guid": stored.guid, **schema_fields(stored.schema)}
    return answer if max_id is None else answer | {"maxId": max_id}


def config_answer(config: RegistryConfig) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if config.compatibility is not None:
        answer["compatibilityLevel"] = str(config.compatibility)
    if config.normalize is not None:
        answer["normalize"] = config.normalize
    return answer


def compatibility_answer(reasons: Sequence[str], verbose: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {"is_compatible": not reasons}
    return answer | {"messages": list(reasons)} if verbose else answer


# --- what is wrong


def error_answer(code: int, message: str) -> dict[str, Any]:
    return {"error_code": code, "message": message}


def problem(error: errors.HeadraceError) -> tuple[int, int, str]:
    """Status, error code and message, as Confluent has them for this error."""
    subject, version = error.data.get("subject"), error.data.get("version")
    match error:
        case errors.SubjectMissing():
            return 404, 40401, f"Subject '{subject}' not found."
        case errors.SchemaMissing() if version is not None:
            return 404, 40402, f"Version {version} not found."
        case errors.SchemaMissing():
            named = error.data.get("schema_id", error.data.get("guid"))
            return 404, 40403, "Schema not found" if named is None else f"Schema {named} not found"
        case errors.SoftDeleted():
            hint = "was soft deleted.Set permanent=true to delete permanently"
            return (
                (404, 40404, f"Subject '{subject}' {hint}")
                if version is None
                else (404, 40406, f"Subject '{subject}' Version {version} {hint}")
            )
        case errors.NotSoftDeleted():
            hint = "was not deleted first before being permanently deleted"
            return (
                (404, 40405, f"Subject '{subject}' {hint}")
                if version is None
                else (404, 40407, f"Subject '{subject}' Version {version} {hint}")
            )
        case errors.NotConfigured():
            setting = error.data.get("setting", "compatibility")
            code = 40409 if setting == "mode" else 40408
            return 404, code, f"Subject '{subject}' does not have subject-level {setting} configured"
        case errors.IncompatibleSchema():
            reasons = error.data.get("reasons", ())
            return 409, 409, f"Schema being registered is incompatible with an earlier schema: {'; '.join(reasons)}"
        case errors.InvalidSchema() if error.data.get("too_large"):
            return 422, 42209, error.message
        case errors.InvalidSchema():
            return 422, 42201, f"Invalid schema: {error.data.get('reason', error.message)}"
        case errors.OperationNotPermitted():
            return 422, 42205, error.message
        case errors.SchemaReferenced():
            return (
                422,
                42206,
                (
                    "One or more references exist to the schema "
                    f"{{magic=1,keytype=SCHEMA,subject={subject},version={version},keytype=SCHEMA}}."
                ),
            )
        case errors.InvalidSubject():
            return 422, 42208, f"The specified subject '{subject}' is not a valid."
        case errors.InvalidRequest():
            code = int(error.data["error_code"])
            return (code if code < 1000 else code // 100), code, error.message
        case errors.CheckUnsupported():
            return 501, 501, f"{error.message}: whether schemas are compatible is not known here"
    return _failure(error)


def _failure(error: errors.HeadraceError) -> tuple[int, int, str]:
    """What is no fault of the request. The message of the store stays in the log of the server, and is told as well: the one
    who asks runs it."""
    LOG.warning("%s", error, exc_info=error)
    if error.data.get("timed_out"):
        return 500, 50002, f"The registry's store did not answer in time: {error.message}"
    if error.data.get("contended"):
        return 500, 50004, f"Another server of this registry keeps the right to write: {error.message}"
    return 500, 50001, f"Error in the registry's store: {error.message}"


def status_answer(status: int) -> dict[str, Any]:
    return error_answer(status, f"HTTP {status} {HTTPStatus(status).phrase}")


INVALID_LEVEL = f"Invalid compatibility level. Valid values are {_LEVELS}"
INVALID_MODE = "Invalid mode. Valid values are READWRITE, READONLY, READONLY_OVERRIDE and IMPORT"
