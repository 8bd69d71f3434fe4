"""Registering through a registry's REST API, and every way to find it again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from headrace.model.schema import SchemaFormat, SchemaReference, SchemaText
from headrace.testing.conformance.registry import avro, json_schema, own_name
from headrace.testing.conformance.registry_api_support import VENDOR, Api, Told, laid_out, reordered, request_of
from headrace.testing.conformance.support import unique

MAKES = pytest.mark.parametrize("make", [avro, json_schema], ids=["avro", "json"])


def _shape(schema: SchemaText, **fields: Any) -> dict[str, Any]:
    """What a schema is answered with, without its guid."""
    kind = {} if schema.format is SchemaFormat.AVRO else {"schemaType": "JSON"}
    return {**fields, **kind, "schema": schema.text}


class ReadingConformance:
    def test_the_server_answers(self, api: Api) -> None:
        """The root, the types and the contexts."""
        root = api.ask("GET", "/")
        assert root.status == 200
        assert isinstance(root.body, str) if api.differs("root") else root.body == {}
        assert sorted(api.ask("GET", "/schemas/types").body) == api.told(Told(200, ["AVRO", "JSON"]), "types").body
        assert api.ask("GET", "/contexts") == api.told(Told(200, ["."]), "contexts")

    @MAKES
    def test_a_registered_schema_is_found_in_every_way(self, api: Api, make: Callable[[str], SchemaText]) -> None:
        """By version, as the latest, by text, by id, and where the id stands."""
        subject, schema = unique("s"), make(own_name())
        registered = api.ask("POST", f"/subjects/{subject}/versions", request_of(schema))
        schema_id = registered.body["id"]
        if api.differs("no-guid"):
            assert registered == Told(200, {"id": schema_id})
        else:
            guid = registered.body["guid"]
            assert registered == Told(200, {"guid": guid, **_shape(schema, id=schema_id, version=1)})
            by_guid = api.ask("GET", f"/schemas/guids/{guid}")
            assert by_guid == (200, {"guid": guid, **_shape(schema)})
            assert api.ask("GET", f"/schemas/guids/{guid}/ids") == (200, [{"context": ".", "id": schema_id}])
        stands = _shape(schema, subject=subject, version=1, id=schema_id)
        looked_up = api.ask("POST", f"/subjects/{subject}", request_of(schema))
        if api.differs("schema-type-omitted") and schema.format is not SchemaFormat.AVRO:
            assert "schemaType" not in looked_up.body
            looked_up.body["schemaType"] = "JSON"
        found: list[Told] = [
            api.ask("GET", f"/subjects/{subject}/versions/1"),
            api.ask("GET", f"/subjects/{subject}/versions/latest"),
            api.ask("GET", f"/subjects/{subject}/versions/-1"),
            looked_up,
        ]
        for told in found:
            assert told.status == 200
            assert api.differs("no-guid") or told.body.pop("guid") == registered.body["guid"]
            assert told.body == stands
        by_id = api.ask("GET", f"/schemas/ids/{schema_id}").body
        by_id.pop("guid", None)
        assert by_id == _shape(schema)
        assert json.loads(api.send("GET", f"/schemas/ids/{schema_id}/schema").text) == json.loads(schema.text)
        assert json.loads(api.send("GET", f"/subjects/{subject}/versions/1/schema").text) == json.loads(schema.text)
        assert api.ask("GET", f"/schemas/ids/{schema_id}/subjects") == (200, [subject])
        assert api.ask("GET", f"/schemas/ids/{schema_id}/versions") == (200, [{"subject": subject, "version": 1}])
        assert api.versions(subject) == [1]

    def test_the_highest_id_is_told(self, api: Api) -> None:
        """``fetchMaxId``, also written ``True``."""
        schema_id = api.register(unique("s"), avro(own_name()))
        told = api.ask("GET", f"/schemas/ids/{schema_id}?fetchMaxId=True").body
        assert told.get("maxId") == api.told(Told(200, schema_id), "max-id").body

    @MAKES
    def test_the_same_schema_is_registered_once(self, api: Api, make: Callable[[str], SchemaText]) -> None:
        """Again, with other white space, and under another subject: one id; only Avro does without the order of keys."""
        first, second, schema = unique("s"), unique("s"), make(own_name())
        schema_id = api.register(first, schema)
        assert api.register(first, schema) == schema_id
        assert api.register(first, laid_out(schema)) == schema_id
        assert api.register(second, schema) == schema_id
        assert api.ask("GET", f"/schemas/ids/{schema_id}/subjects").body == sorted([first, second])
        api.set_level(first, "NONE")
        same_order = schema.format is SchemaFormat.AVRO or api.differs("json-key-order")
        assert (api.register(first, reordered(schema)) == schema_id) is same_order
        assert api.versions(first) == ([1] if same_order else [1, 2])

    @MAKES
    def test_normalize_finds_what_is_written_otherwise(self, api: Api, make: Callable[[str], SchemaText]) -> None:
        """A look-up and a registration with ``normalize`` meet the same schema; what it registers is canonical."""
        first, second, schema = unique("s"), unique("s"), make(own_name())
        schema_id = api.register(first, schema)
        found = api.ask("POST", f"/subjects/{first}?normalize=true", request_of(reordered(schema)))
        assert (found.status, found.body["version"], found.body["id"]) == (200, 1, schema_id)
        assert api.register(first, reordered(schema), "?normalize=True") == schema_id
        assert api.versions(first) == [1]
        written = api.register(second, reordered(laid_out(schema)), "?normalize=true")
        assert api.register(second, schema, "?normalize=true") == written
        text = api.send("GET", f"/subjects/{second}/versions/1/schema").text
        assert json.loads(text) == json.loads(schema.text)
        if schema.format is SchemaFormat.JSON_SCHEMA and api.differs("normalize-keeps-text"):
            assert text == reordered(laid_out(schema)).text
        else:
            assert " " not in text

    def test_versions_count_within_a_subject(self, api: Api) -> None:
        """Other schemas are the next versions, with ids of their own."""
        subject, name = unique("s"), own_name()
        api.set_level(subject, "NONE")
        ids = [api.register(subject, avro(name, *fields)) for fields in ((), ("a",), ("a", "b"))]
        assert len(set(ids)) == 3
        assert api.versions(subject) == [1, 2, 3]
        assert api.versions(subject, "?offset=1&limit=1") == [2]
        assert api.ask("GET", f"/subjects/{subject}/versions/latest").body["version"] == 3

    def test_subjects_and_schemas_are_listed(self, api: Api) -> None:
        """By prefix, in order, with ``offset`` and ``limit``; schemas of all versions or of the latest."""
        prefix, name = unique("list"), own_name()
        subjects = [f"{prefix}.{end}" for end in ("a", "a-b", "b")]
        for subject in reversed(subjects):
            api.register(subject, avro(name))
        api.set_level(subjects[0], "NONE")
        api.register(subjects[0], avro(name, "x"))
        found = api.ask("GET", f"/subjects?subjectPrefix={prefix}").body
        assert [subject for subject in found if subject.startswith(prefix)] == subjects
        assert api.differs("prefix") or found == subjects
        if not api.differs("prefix"):
            assert api.ask("GET", f"/subjects?subjectPrefix={prefix}&offset=1&limit=1").body == subjects[1:2]
            assert api.ask("GET", f"/subjects?subjectPrefix=:*:{prefix}").body == subjects
        every = api.ask("GET", f"/schemas?subjectPrefix={prefix}").body
        latest = api.ask("GET", f"/schemas?subjectPrefix={prefix}&latestOnly=true").body
        if api.differs("schema-list"):
            assert all(entry.keys() == {"schema"} for entry in (*every, *latest))
        else:
            assert [(v["subject"], v["version"]) for v in every] == [(s, 1) for s in subjects[:1]] + [
                (subjects[0], 2),
                *((s, 1) for s in subjects[1:]),
            ]
            assert [(v["subject"], v["version"]) for v in latest] == list(zip(subjects, (2, 1, 1), strict=True))

    def test_what_is_not_there_is_named(self, api: Api) -> None:
        """40401 for a subject, 40402 for a version, 40403 for an id or a text."""
        subject, missing, schema = unique("s"), unique("missing"), avro(own_name())
        api.register(subject, schema)
        for path in ("", "/1", "/latest", "/1/schema", "/1/referencedby"):
            assert api.ask("GET", f"/subjects/{missing}/versions{path}") == (404, 40401)
        assert api.ask("POST", f"/subjects/{missing}", request_of(schema)) == (404, 40401)
        assert api.ask("POST", f"/subjects/{subject}", request_of(avro(own_name()))) == (404, 40403)
        assert api.ask("GET", f"/subjects/{subject}/versions/99") == (404, 40402)
        for path in ("", "/schema", "/subjects", "/versions"):
            assert api.ask("GET", f"/schemas/ids/2000000000{path}") == (404, 40403)

    def test_a_malformed_version_or_id_is_told(self, api: Api) -> None:
        """42202 for a version; an id that is no number is no route."""
        subject = unique("s")
        api.register(subject, avro(own_name()))
        for method in ("GET", "DELETE"):
            for version in ("0", "x", "2147483648"):
                told = api.ask(method, f"/subjects/{subject}/versions/{version}")
                assert told == api.told(Told(422, 42202), "malformed-version")
            told = api.ask(method, f"/subjects/{subject}/versions/-2")
            assert told == api.told(Told(422, 42202), "negative-version")
        assert api.ask("GET", "/schemas/ids/x") == api.told(Told(404, 404), "malformed-id")

    def test_what_cannot_be_read_is_refused(self, api: Api) -> None:
        """A schema that does not parse, none, an unknown type, no JSON, another media type, a bad subject, no such route."""
        path = f"/subjects/{unique('s')}/versions"
        refused = Told(422, 42201)
        for body in (
            {"schema": "{"},
            {"schema": '{"type":"no such type"}'},
            {"schema": '{"type":"no such type"}', "schemaType": "JSON"},
            {"schema": "{", "schemaType": "JSON"},
            {"schema": '"string"', "schemaType": "XML"},
        ):
            assert api.ask("POST", path, body) == refused
        assert api.ask("POST", path, {}) == api.told(refused, "no-schema")
        assert api.ask("POST", path, b"{") == api.told(Told(400, 400), "malformed-body")
        none = api.ask("POST", path, b'{"schema":"\\"int\\""}', content_type="text/plain")
        assert none == Told(415, None if api.differs("errors-without-body") else 415)
        assert api.ask("GET", "/no-such") == Told(404, None if api.differs("errors-without-body") else 404)
        assert api.ask("POST", "/subjects/a%0Ab/versions", {"schema": '"int"'}) == api.told(
            Told(422, 42208), "control-characters"
        )
        assert api.ask("GET", path) == (404, 40401)
        empty = api.ask("POST", path, {"schema": ""})
        assert empty == refused if not api.differs("empty-schema") else empty.status == 200

    def test_media_types(self, api: Api) -> None:
        """The vendor's and plain JSON are read, and the one that is accepted is answered in."""
        subject, body = unique("s"), request_of(avro(own_name()))
        any_type = "application/json" if api.differs("media-type") else VENDOR
        for sent in (
            VENDOR,
            "application/vnd.schemaregistry+json",
            "application/json",
            "application/json; charset=utf-8",
        ):
            answer = api.send("POST", f"/subjects/{subject}/versions", body, content_type=sent)
            assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, any_type)
        for accepted, answered in ((VENDOR, VENDOR), ("application/json", "application/json"), ("*/*", any_type)):
            answer = api.send("GET", f"/subjects/{subject}/versions", accept=accepted)
            assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, answered)

    def test_a_subject_may_hold_any_character(self, api: Api) -> None:
        """Also a slash, encoded in the path."""
        subject = f"{unique('s')}/ö %"
        path = f"/subjects/{subject.split('/')[0]}%2F%C3%B6%20%25"
        schema_id = api.register(subject, avro(own_name()))
        assert api.ask("GET", f"{path}/versions") == (200, [1])
        assert api.ask("GET", f"/schemas/ids/{schema_id}/subjects") == (200, [subject])

    def test_references(self, api: Api) -> None:
        """What a schema refers to has to be there, is answered with it, knows it, and cannot be deleted before it."""
        inner, outer, subject, user = own_name(), own_name(), unique("inner"), unique("outer")
        api.register(subject, avro(inner, "a"))
        text = json.dumps({"type": "record", "name": outer, "fields": [{"name": "inner", "type": inner}]})
        reference = SchemaReference(inner, subject, 1)
        schema = SchemaText(SchemaFormat.AVRO, text, (reference,))
        schema_id = api.register(user, schema)
        wanted = [{"name": inner, "subject": subject, "version": 1}]
        assert api.ask("GET", f"/subjects/{user}/versions/1").body["references"] == wanted
        assert api.ask("GET", f"/schemas/ids/{schema_id}").body["references"] == wanted
        assert api.ask("POST", f"/subjects/{user}", request_of(schema)).body["id"] == schema_id
        assert api.ask("GET", f"/subjects/{subject}/versions/1/referencedby") == (200, [schema_id])
        for references in ((), (SchemaReference(inner, subject, 7),), (SchemaReference(inner, unique("x"), 1),)):
            broken = request_of(SchemaText(SchemaFormat.AVRO, text, references))
            assert api.ask("POST", f"/subjects/{unique('s')}/versions", broken) == (422, 42201)
        assert api.ask("DELETE", f"/subjects/{subject}") == (422, 42206)
        assert api.ask("DELETE", f"/subjects/{subject}/versions/1") == (422, 42206)
        assert api.ask("DELETE", f"/subjects/{user}") == (200, [1])
        assert api.ask("GET", f"/subjects/{subject}/versions/1/referencedby").body in ([], [schema_id])
