"""Confluent's schema registry REST API (v7, with v8's ``guid``) over a `RegistryStore`, as an ASGI application.

docs/registry.md lists what it has, and where it differs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from headrace.errors import HeadraceError, InvalidSchema
from headrace.interfaces.registry_store import RegistryStore
from headrace.version import version
from headrace.web.registry_answers import (
    LOG,
    MEDIA_TYPES,
    PLAIN,
    V1,
    Text,
    compatibility_answer,
    config_answer,
    error_answer,
    problem,
    registered_answer,
    response,
    schema_answer,
    status_answer,
    version_answer,
)
from headrace.web.registry_requests import Call

BODY_MAX = 16 * 1024**2
"""Bytes of a request. A schema has to fit into a record of the registry's topic in any case."""

Handler = Callable[[RegistryStore, Call], Any]

# --- subjects


def _subjects(store: RegistryStore, call: Call) -> Any:
    return call.page(store.list_subjects(call.prefix, deleted=call.deleted))


def _look_up(store: RegistryStore, call: Call) -> Any:
    schema, _ = call.schema(store)
    found = store.find_schema(call.subject, schema, normalize=call.flag("normalize"), deleted=call.flag("deleted"))
    return version_answer(found)


def _delete_subject(store: RegistryStore, call: Call) -> Any:
    return list(store.delete_versions(call.subject, permanent=call.flag("permanent")))


def _versions(store: RegistryStore, call: Call) -> Any:
    return call.page(store.list_versions(call.subject, deleted=call.deleted))


def _register(store: RegistryStore, call: Call) -> Any:
    schema, sent = call.schema(store)
    stored = store.add(
        call.subject,
        schema,
        normalize=call.flag("normalize"),
        # -1 and 0 are what Confluent's own clients send for none.
        schema_id=sent.id if sent.id is not None and sent.id >= 0 else None,
        version=sent.version if sent.version is not None and sent.version > 0 else None,
    )
    return registered_answer(stored)


def _version(store: RegistryStore, call: Call) -> Any:
    return version_answer(store.find_version(call.subject, call.version, deleted=call.flag("deleted")))


def _version_text(store: RegistryStore, call: Call) -> Any:
    return Text(store.find_version(call.subject, call.version, deleted=call.flag("deleted")).schema.text)


def _delete_version(store: RegistryStore, call: Call) -> Any:
    return store.delete_version(call.subject, call.version, permanent=call.flag("permanent"))


def _referenced_by(store: RegistryStore, call: Call) -> Any:
    return call.page(store.referenced_by(call.subject, call.version))


# --- schemas


def _schemas(store: RegistryStore, call: Call) -> Any:
    found = store.list_schemas(call.prefix, deleted=call.deleted, latest_only=call.flag("latestOnly"))
    return [version_answer(stored) for stored in call.page(found)]


def _schema(store: RegistryStore, call: Call) -> Any:
    return schema_answer(store.find_id(call.schema_id), store.max_id() if call.flag("fetchMaxId") else None)


def _schema_text(store: RegistryStore, call: Call) -> Any:
    return Text(store.find_id(call.schema_id).schema.text)


def _uses(store: RegistryStore, call: Call) -> list[tuple[str, int]]:
    only = call.text("subject")
    uses = store.uses_of(call.schema_id, deleted=call.flag("deleted"))
    return [(subject, version) for subject, version in uses if only in (None, "", subject)]


def _schema_subjects(store: RegistryStore, call: Call) -> Any:
    return call.page(list(dict.fromkeys(subject for subject, _ in _uses(store, call))))


def _schema_versions(store: RegistryStore, call: Call) -> Any:
    return call.page([{"subject": subject, "version": version} for subject, version in _uses(store, call)])


def _by_guid(store: RegistryStore, call: Call) -> Any:
    return schema_answer(store.find_guid(call.guid)[0], None)


def _guid_ids(store: RegistryStore, call: Call) -> Any:
    return [{"context": ".", "id": stored.id} for stored in store.find_guid(call.guid)]


def _types(store: RegistryStore, call: Call) -> Any:
    return ["JSON", "AVRO"]


# --- compatibility


def _compare(store: RegistryStore, call: Call) -> Any:
    return _compared(store, call, call.version)


def _compare_all(store: RegistryStore, call: Call) -> Any:
    return _compared(store, call, None)


def _compared(store: RegistryStore, call: Call, against: Any) -> Any:
    verbose = call.flag("verbose")
    try:
        schema, _ = call.schema(store)
        reasons = store.compare(call.subject, schema, version=against, normalize=call.flag("normalize"))
    except InvalidSchema as error:
        if not verbose:
            raise
        reasons = [problem(error)[2]]
    return compatibility_answer(reasons, verbose)


# --- settings


def _config(store: RegistryStore, call: Call) -> Any:
    return config_answer(store.config())


def _subject_config(store: RegistryStore, call: Call) -> Any:
    return config_answer(store.config(call.subject, in_scope=call.flag("defaultToGlobal")))


def _put_config(store: RegistryStore, call: Call) -> Any:
    return _config_put(store, call, None)


def _put_subject_config(store: RegistryStore, call: Call) -> Any:
    return _config_put(store, call, call.subject)


def _config_put(store: RegistryStore, call: Call, subject: str | None) -> Any:
    config = call.config()
    store.set_config(subject, config)
    answer = config_answer(config)
    # Set under one name and read under another, in Confluent's API too.
    return {"compatibility" if key == "compatibilityLevel" else key: value for key, value in answer.items()}


def _delete_config(store: RegistryStore, call: Call) -> Any:
    return config_answer(store.delete_config(None))


def _delete_subject_config(store: RegistryStore, call: Call) -> Any:
    return config_answer(store.delete_config(call.subject))


def _mode(store: RegistryStore, call: Call) -> Any:
    return {"mode": str(store.mode())}


def _subject_mode(store: RegistryStore, call: Call) -> Any:
    return {"mode": str(store.mode(call.subject, in_scope=call.flag("defaultToGlobal")))}


def _put_mode(store: RegistryStore, call: Call) -> Any:
    mode = call.mode()
    store.set_mode(None, mode, force=call.flag("force"))
    return {"mode": str(mode)}


def _put_subject_mode(store: RegistryStore, call: Call) -> Any:
    mode = call.mode()
    store.set_mode(call.subject, mode, force=call.flag("force"))
    return {"mode": str(mode)}


def _delete_mode(store: RegistryStore, call: Call) -> Any:
    return {"mode": str(store.delete_mode(None))}


def _delete_subject_mode(store: RegistryStore, call: Call) -> Any:
    return {"mode": str(store.delete_mode(call.subject))}


# --- the server itself


def _root(store: RegistryStore, call: Call) -> Any:
    return {}


def _contexts(store: RegistryStore, call: Call) -> Any:
    return call.page(["."])


def _server_version(store: RegistryStore, call: Call) -> Any:
    return {"version": f"headrace {version()}", "commitId": ""}


ROUTES: tuple[tuple[str, dict[str, Handler]], ...] = (
    ("/", {"GET": _root}),
    ("/subjects", {"GET": _subjects}),
    ("/subjects/{subject}", {"POST": _look_up, "DELETE": _delete_subject}),
    ("/subjects/{subject}/versions", {"GET": _versions, "POST": _register}),
    ("/subjects/{subject}/versions/{version}", {"GET": _version, "DELETE": _delete_version}),
    ("/subjects/{subject}/versions/{version}/schema", {"GET": _version_text}),
    ("/subjects/{subject}/versions/{version}/referencedby", {"GET": _referenced_by}),
    ("/schemas", {"GET": _schemas}),
    ("/schemas/types", {"GET": _types}),
    ("/schemas/ids/{id}", {"GET": _schema}),
    ("/schemas/ids/{id}/schema", {"GET": _schema_text}),
    ("/schemas/ids/{id}/subjects", {"GET": _schema_subjects}),
    ("/schemas/ids/{id}/versions", {"GET": _schema_versions}),
    ("/schemas/guids/{guid}", {"GET": _by_guid}),
    ("/schemas/guids/{guid}/ids", {"GET": _guid_ids}),
    ("/compatibility/subjects/{subject}/versions", {"POST": _compare_all}),
    ("/compatibility/subjects/{subject}/versions/{version}", {"POST": _compare}),
    ("/config", {"GET": _config, "PUT": _put_config, "DELETE": _delete_config}),
    (
        "/config/{subject}",
        {"GET": _subject_config, "PUT": _put_subject_config, "DELETE": _delete_subject_config},
    ),
    ("/mode", {"GET": _mode, "PUT": _put_mode, "DELETE": _delete_mode}),
    ("/mode/{subject}", {"GET": _subject_mode, "PUT": _put_subject_mode, "DELETE": _delete_subject_mode}),
    ("/contexts", {"GET": _contexts}),
    ("/v1/metadata/version", {"GET": _server_version}),
)


def registry_app(store: RegistryStore) -> Starlette:
    """The application. ``store`` stays the caller's, who closes it."""
    app = Starlette(
        routes=[Route(path, _endpoint(store, handlers), methods=list(handlers)) for path, handlers in ROUTES],
        middleware=[Middleware(_RawPath)],
        exception_handlers={HTTPException: _on_http_error},
    )
    app.router.redirect_slashes = False
    return app


def _endpoint(store: RegistryStore, handlers: dict[str, Handler]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        media_type = _media_type(request)
        handler = handlers["GET" if request.method == "HEAD" else request.method]
        body = await _body(request)
        try:
            answer = await run_in_threadpool(handler, store, Call(request, body))
        except HeadraceError as error:
            status, code, message = await run_in_threadpool(problem, error)
            return response(error_answer(code, message), media_type, status)
        except Exception:  # a bug of ours, or of a checker: the server goes on, and says where
            LOG.exception("%s %s failed", request.method, request.url.path)
            return response(status_answer(500), media_type, 500)
        return response(answer, media_type)

    return endpoint


async def _body(request: Request) -> bytes:
    if request.method in ("POST", "PUT"):
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind and kind not in (*MEDIA_TYPES, "application/octet-stream"):
            raise HTTPException(415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX:
            raise HTTPException(413)
    return bytes(body)


def _media_type(request: Request) -> str:
    """The one to answer in. Confluent's is first; JSON where only that is asked for."""
    accepted = [
        part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "").split(",") if part.strip()
    ]
    if not accepted or "*/*" in accepted or "application/*" in accepted:
        return V1
    for media_type in MEDIA_TYPES:
        if media_type in accepted:
            return media_type
    raise HTTPException(406)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    try:
        media_type = _media_type(request)
    except HTTPException:
        media_type = PLAIN
    return response(status_answer(error.status_code), media_type, error.status_code, error.headers)


class _RawPath:
    """Routes see the path as it was sent, so that an encoded slash stays inside its subject; a closing slash is dropped."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raw = scope.get("raw_path") or scope["path"].encode()
            path = raw.partition(b"?")[0].decode("latin-1")
            scope = {**scope, "path": path.rstrip("/") or "/"}
        await self._app(scope, receive, send)
