"""Compatibility, deletion, settings and modes through a registry's REST API."""

from __future__ import annotations

import json

from headrace.testing.conformance.registry import avro, json_schema, own_name
from headrace.testing.conformance.registry_api_support import Api, Told, request_of
from headrace.testing.conformance.support import unique


class CompatibilityConformance:
    def test_an_incompatible_schema_is_refused(self, api: Api) -> None:
        """409 under BACKWARD; a compatible one goes; under NONE all goes."""
        subject, name = unique("s"), own_name()
        api.set_level(subject, "BACKWARD")
        api.register(subject, avro(name, "a"))
        bad = avro(name, "a", required=("c",))
        assert api.ask("POST", f"/subjects/{subject}/versions", request_of(bad)) == (409, 409)
        api.register(subject, avro(name, "a", "b"))
        assert api.versions(subject) == [1, 2]
        api.set_level(subject, "NONE")
        api.register(subject, bad)
        assert api.versions(subject) == [1, 2, 3]

    def test_compatibility_is_asked_beforehand(self, api: Api) -> None:
        """Against the latest, a version, or all that the level names; ``verbose`` tells why, also when written ``True``."""
        subject, name = unique("s"), own_name()
        api.set_level(subject, "BACKWARD")
        api.register(subject, avro(name, "a"))
        api.register(subject, avro(name, "a", "b"))
        path = f"/compatibility/subjects/{subject}/versions"
        good, bad = request_of(avro(name, "a", "b", "c")), request_of(avro(name, "a", required=("c",)))
        for place in ("/latest", "/1", "/-1", ""):
            assert api.ask("POST", f"{path}{place}", good) == (200, {"is_compatible": True})
            assert api.ask("POST", f"{path}{place}", bad) == (200, {"is_compatible": False})
            told = api.ask("POST", f"{path}{place}?verbose=true", bad)
            assert told.body["is_compatible"] is False
            assert bool(told.body.get("messages")) is not api.differs("no-messages")
            told = api.ask("POST", f"{path}{place}?verbose=True", good)
            assert told == api.told(Told(200, {"is_compatible": True, "messages": []}), "no-messages")
        assert api.versions(subject) == [1, 2]

    def test_compatibility_with_what_is_not_there(self, api: Api) -> None:
        """Anything goes with the latest of nothing; a version that is missing is 40402; what does not parse is 42201."""
        subject, missing = unique("s"), unique("missing")
        schema = request_of(avro(own_name()))
        api.register(subject, avro(own_name()))
        assert api.ask("POST", f"/compatibility/subjects/{missing}/versions/latest", schema).body["is_compatible"]
        assert api.ask("POST", f"/compatibility/subjects/{missing}/versions/1", schema) == (404, 40402)
        path = f"/compatibility/subjects/{subject}/versions"
        assert api.ask("POST", f"{path}/99", schema) == (404, 40402)
        assert api.ask("POST", f"{path}/x", schema) == api.told(Told(422, 42202), "malformed-version")
        assert api.ask("POST", f"{path}/latest", {"schema": "{"}) == (422, 42201)
        told = api.ask("POST", f"{path}/latest?verbose=true", {"schema": "{"})
        if api.differs("verbose-invalid"):
            assert told == (422, 42201)
        else:
            assert told.body["is_compatible"] is False
            assert told.body["messages"]


class DeletionConformance:
    def test_a_version_is_deleted_softly_then_for_good(self, api: Api) -> None:
        """Hidden at first, still there for ``deleted``; gone after ``permanent``; each out of its order is told."""
        subject, name = unique("s"), own_name()
        api.set_level(subject, "NONE")
        first = avro(name, "a")
        for schema in (first, avro(name), avro(name, "b")):
            schema_id = api.register(subject, schema)
        status = 409 if api.differs("deletion-conflicts") else 404
        path = f"/subjects/{subject}/versions"
        assert api.ask("DELETE", f"{path}/1?permanent=true") == (status, 40407)
        assert api.ask("DELETE", f"{path}/1") == (200, 1)
        assert api.ask("DELETE", f"{path}/1") == (status, 40406)
        assert api.versions(subject) == [2, 3]
        assert api.versions(subject, "?deleted=True") == [1, 2, 3]
        assert api.versions(subject, "?deletedOnly=true") == [1]
        assert api.ask("GET", f"{path}/1") == (404, 40402)
        assert api.ask("GET", f"{path}/1?deleted=true").body["version"] == 1
        assert api.ask("POST", f"/subjects/{subject}", request_of(first)) == (404, 40403)
        assert api.ask("POST", f"/subjects/{subject}?deleted=true", request_of(first)).body["version"] == 1
        assert api.ask("DELETE", f"{path}/1?permanent=True") == (200, 1)
        assert api.versions(subject, "?deleted=true") == [2, 3]
        assert api.ask("DELETE", f"{path}/99") == (404, 40402)
        assert api.ask("DELETE", f"{path}/latest") == (200, 3)
        assert api.versions(subject) == [2]
        assert api.ask("GET", f"/schemas/ids/{schema_id}").status == 200

    def test_a_subject_is_deleted_softly_then_for_good(self, api: Api) -> None:
        """40404 the second time, 40405 for ``permanent`` too early, 40401 when it is gone."""
        subject, name = unique("s"), own_name()
        path = f"/subjects/{subject}"
        schema_id = api.register(subject, avro(name))
        api.register(subject, avro(name, "a"))
        early = 409 if api.differs("deletion-conflicts") else 404
        assert api.ask("DELETE", f"{path}?permanent=true") == (early, 40405)
        assert api.ask("DELETE", path) == (200, [1, 2])
        assert api.ask("DELETE", path) == (404, 40404)
        assert api.ask("GET", f"{path}/versions") == (404, 40401)
        assert api.ask("GET", f"{path}/versions/latest") == (404, 40401)
        assert api.versions(subject, "?deleted=true") == [1, 2]
        assert subject not in api.ask("GET", "/subjects").body
        assert subject in api.ask("GET", "/subjects?deleted=true").body
        assert subject in api.ask("GET", "/subjects?deletedOnly=true").body
        assert api.ask("GET", f"/schemas/ids/{schema_id}").status == 200
        assert api.ask("DELETE", f"{path}?permanent=true") == (200, [1, 2])
        assert api.ask("DELETE", f"{path}?permanent=true") == (404, 40401)
        assert api.ask("DELETE", path) == (404, 40401)
        assert api.ask("GET", f"{path}/versions?deleted=true") == (404, 40401)

    def test_an_id_outlives_its_versions(self, api: Api) -> None:
        """What was framed with it has to stay readable, and nothing else may get it."""
        subject, other, schema = unique("s"), unique("other"), avro(own_name())
        schema_id = api.register(subject, schema)
        assert api.ask("DELETE", f"/subjects/{subject}") == (200, [1])
        assert api.ask("DELETE", f"/subjects/{subject}?permanent=true") == (200, [1])
        if api.differs("ids-end"):
            assert api.ask("GET", f"/schemas/ids/{schema_id}") == (404, 40403)
            assert api.ask("GET", f"/schemas/ids/{schema_id}/subjects") == (404, 40403)
        else:
            assert api.ask("GET", f"/schemas/ids/{schema_id}/schema").body == json.loads(schema.text)
            assert api.ask("GET", f"/schemas/ids/{schema_id}/subjects") == (200, [])
            assert api.register(subject, schema) == schema_id
        assert api.register(other, avro(own_name())) > schema_id

    def test_what_was_deleted_softly_comes_back_as_the_next_version(self, api: Api) -> None:
        """With the same id; the numbers go on."""
        subject, name = unique("s"), own_name()
        schema_id = api.register(subject, avro(name))
        api.register(subject, avro(name, "a"))
        api.ask("DELETE", f"/subjects/{subject}")
        assert api.register(subject, avro(name)) == schema_id
        assert api.versions(subject) == [3]
        again = api.ask("DELETE", f"/subjects/{subject}").body
        assert again == ([1, 2, 3] if api.differs("deletion-answers-all") else [3])

    def test_a_subject_s_settings_go_with_it(self, api: Api) -> None:
        """A level is not there any more when the subject comes back."""
        subject = unique("s")
        api.register(subject, avro(own_name()))
        api.set_level(subject, "FULL")
        api.ask("DELETE", f"/subjects/{subject}")
        kept = api.ask("GET", f"/config/{subject}")
        assert kept == api.told(Told(404, 40408), "level-outlives-subject")


class SettingsConformance:
    def test_levels_are_set_subject_by_subject(self, api: Api) -> None:
        """Set under ``compatibility``, read as ``compatibilityLevel``; a subject without one has none of its own."""
        subject = unique("s")
        default = api.told(Told(200, {"compatibilityLevel": "BACKWARD"}), "default-level")
        assert api.ask("GET", "/config") == default
        assert api.ask("GET", f"/config/{subject}") == api.told(Told(404, 40408), "level-of-missing-subject")
        api.register(subject, avro(own_name()))
        assert api.ask("GET", f"/config/{subject}") == api.told(Told(404, 40408), "level-not-configured")
        assert api.ask("GET", f"/config/{subject}?defaultToGlobal=true") == default
        told = api.ask("PUT", f"/config/{subject}", {"compatibility": "FULL_TRANSITIVE"})
        assert told == api.told(Told(200, {"compatibility": "FULL_TRANSITIVE"}), "level-echo")
        assert api.ask("GET", f"/config/{subject}") == (200, {"compatibilityLevel": "FULL_TRANSITIVE"})
        assert api.ask("PUT", f"/config/{subject}", {"compatibility": "SIDEWAYS"}) == (422, 42203)
        lower = api.ask("PUT", f"/config/{subject}", {"compatibility": "forward"})
        assert lower == api.told(Told(200, {"compatibility": "FORWARD"}), "level-case")
        level = "FULL_TRANSITIVE" if api.differs("level-case") else "FORWARD"
        assert api.ask("DELETE", f"/config/{subject}") == (200, {"compatibilityLevel": level})
        missing = api.ask("DELETE", f"/config/{subject}")
        assert missing == api.told(Told(404, 40401), "level-delete-missing")

    def test_the_registry_has_a_level_of_its_own(self, api: Api) -> None:
        """It holds for subjects without one, and goes back to its default."""
        default = api.ask("GET", "/config").body
        subject = unique("s")
        api.register(subject, avro(own_name()))
        try:
            assert api.ask("PUT", "/config", {"compatibility": "FORWARD"}).status == 200
            assert api.ask("GET", "/config") == (200, {"compatibilityLevel": "FORWARD"})
            assert api.ask("GET", f"/config/{subject}?defaultToGlobal=True") == (200, {"compatibilityLevel": "FORWARD"})
        finally:
            assert api.ask("DELETE", "/config").body == {"compatibilityLevel": "FORWARD"}
        assert api.ask("GET", "/config").body == default

    def test_a_subject_may_always_normalize(self, api: Api) -> None:
        """``normalize`` among a subject's settings is as if every request said so."""
        subject = unique("s")
        schema = json_schema(own_name())
        told = api.ask("PUT", f"/config/{subject}", {"normalize": True})
        if api.differs("normalize-setting"):
            assert told == api.told(Told(200, {}), "normalize-setting")
            return
        assert told == (200, {"normalize": True})
        assert api.ask("GET", f"/config/{subject}") == (200, {"normalize": True})
        api.register(subject, schema)
        text = api.send("GET", f"/subjects/{subject}/versions/1/schema").text
        assert text.startswith('{"$schema":') and text.index('"properties"') < text.index('"type":"object"')

    def test_modes_are_set_and_read(self, api: Api) -> None:
        """Of a subject, and of the registry; an unknown one is 42204."""
        subject = unique("s")
        assert api.ask("GET", "/mode") == (200, {"mode": "READWRITE"})
        assert api.ask("GET", f"/mode/{subject}") == api.told(Told(404, 40409), "mode-not-configured")
        assert api.ask("GET", f"/mode/{subject}?defaultToGlobal=true") == (200, {"mode": "READWRITE"})
        assert api.ask("PUT", f"/mode/{subject}", {"mode": "READONLY"}) == (200, {"mode": "READONLY"})
        assert api.ask("GET", f"/mode/{subject}") == (200, {"mode": "READONLY"})
        wrong = api.ask("PUT", f"/mode/{subject}", {"mode": "SIDEWAYS"})
        assert wrong == api.told(Told(422, 42204), "mode-malformed")
        assert api.ask("DELETE", f"/mode/{subject}") == (200, {"mode": "READONLY"})
        assert api.ask("DELETE", f"/mode/{subject}") == api.told(Told(404, 40401), "mode-delete-missing")

    def test_what_is_read_only_does_not_change(self, api: Api) -> None:
        """42205 to register, delete and configure; a subject's READWRITE stands above READONLY, not above the override."""
        subject, open_, name = unique("s"), unique("open"), own_name()
        schema = request_of(avro(name))
        api.register(subject, avro(name))
        changes = (
            ("POST", f"/subjects/{subject}/versions", request_of(avro(name, "a"))),
            ("PUT", f"/config/{subject}", {"compatibility": "FULL"}),
            ("DELETE", f"/subjects/{subject}/versions/1", None),
            ("DELETE", f"/subjects/{subject}", None),
        )
        if api.differs("mode-not-enforced"):
            api.ask("PUT", f"/mode/{subject}", {"mode": "READONLY"})
            assert [api.ask(*change).status for change in changes[:2]] == [200, 200]
            return
        assert api.ask("PUT", f"/mode/{subject}", {"mode": "READONLY"}).status == 200
        for change in changes:
            assert api.ask(*change) == (422, 42205)
        assert api.ask("POST", f"/subjects/{subject}/versions", schema).status == 200  # it is there already
        assert api.ask("PUT", f"/mode/{open_}", {"mode": "READWRITE"}).status == 200
        try:
            api.ask("PUT", "/mode", {"mode": "READONLY"})
            assert api.ask("POST", f"/subjects/{unique('s')}/versions", schema) == (422, 42205)
            assert api.ask("POST", f"/subjects/{open_}/versions", schema).status == 200
            api.ask("PUT", "/mode", {"mode": "READONLY_OVERRIDE"})
            assert api.ask("POST", f"/subjects/{open_}/versions", request_of(avro(name, "b"))) == (422, 42205)
            assert api.ask("GET", f"/mode/{open_}?defaultToGlobal=true") == (200, {"mode": "READONLY_OVERRIDE"})
        finally:
            assert api.ask("PUT", "/mode", {"mode": "READWRITE"}).status == 200

    def test_schemas_are_imported_with_their_ids(self, api: Api) -> None:
        """Only in IMPORT mode, unchecked, with the versions given; an id keeps its meaning; no import over what is there."""
        subject, there, name = unique("i"), unique("there"), own_name()
        api.register(there, avro(own_name()))
        highest = api.ask("GET", f"/schemas/ids/{api.register(there, avro(own_name()))}?fetchMaxId=true").body
        schema_id = highest.get("maxId", 0) + 1_000
        path = f"/subjects/{subject}/versions"
        first = request_of(avro(name, "a"), id=schema_id, version=3)
        if api.differs("import"):
            assert api.ask("PUT", f"/mode/{subject}", {"mode": "IMPORT"}).status == 200
            assert api.ask("POST", path, first).status == 200
            assert api.versions(subject) == [1]
            return
        assert api.ask("POST", path, first) == (422, 42205)
        assert api.ask("PUT", f"/mode/{subject}", {"mode": "IMPORT"}).status == 200
        told = api.ask("POST", path, first)
        assert (told.status, told.body["id"], told.body["version"]) == (200, schema_id, 3)
        assert api.ask("POST", path, first).body["id"] == schema_id
        assert api.ask("POST", path, request_of(avro(name, "b"), id=schema_id, version=4)) == (422, 42205)
        assert api.ask("POST", path, request_of(avro(name, "b"))) == (422, 42205)
        incompatible = request_of(avro(name, required=("z",)), id=schema_id + 1, version=1)
        assert api.ask("POST", path, incompatible).status == 200
        assert api.versions(subject) == [1, 3]
        assert api.ask("PUT", f"/mode/{there}", {"mode": "IMPORT"}) == (422, 42205)
        assert api.ask("PUT", f"/mode/{there}?force=True", {"mode": "IMPORT"}).status == 200
        assert api.register(unique("after"), avro(own_name())) == schema_id + 2
