"""Objects: properties by content model, what is required, dependencies, patterns, names and numbers of properties."""

from __future__ import annotations

from tests.unit.catalogue.compatibility.parity.pairs import obj, pair, prop, text

INT = {"type": "integer"}
A = {"a": text()}
AB = {"a": text(), "b": text()}
CLOSED = {"additionalProperties": False}
TEXTS = {"additionalProperties": text()}
BY_NAME = {"patternProperties": {"^x": text()}}

PAIRS = [
    pair("optional-added-open", obj(A), obj(AB), "f=ff", "in an open model the name could be anything before"),
    pair("optional-removed-open", obj(AB), obj(A), "b=bb", "what is left accepts all of it"),
    pair("required-added-open", obj(A), obj(AB, required=["b"]), "ffff", "lenient accepts optional ones only"),
    pair(
        *("required-with-default-added-open", obj(A), obj({**A, "b": text(default="")}, required=["b"]), "f=ff"),
        "a default counts as safe in Confluent's lenient policy",
    ),
    pair("anything-added-open", obj(A), obj({**A, "b": {}}), "==ff", "an empty schema narrows nothing"),
    pair("true-added-open", obj(A), obj({**A, "b": True}), "==ff", "true narrows nothing"),
    pair("optional-added-closed", obj(A, **CLOSED), obj(AB, **CLOSED), "b=bb", "the name was forbidden before"),
    pair(
        *("required-added-closed", obj(A, **CLOSED), obj(AB, required=["b"], **CLOSED), "xfxx"),
        "old documents lack it; lenient lets properties go",
    ),
    pair(
        "required-with-default-added-closed",
        obj(A, **CLOSED),
        obj({**A, "b": text(default="")}, required=["b"], **CLOSED),
        "b=xx",
        "Confluent holds a default for safe; Karapace looks for it in the wrong place",
    ),
    pair("false-removed-closed", obj({"a": False}, **CLOSED), obj(**CLOSED), "===f", "the name stays forbidden"),
    pair("optional-made-required", obj(A), obj(A, required=["a"]), "ff=f", "Karapace looks inside the property"),
    pair(
        *("required-with-a-default", obj({"a": text(default="")}), obj({"a": text(default="")}, required=["a"])),
        *("===f", "a default counts as safe"),
    ),
    pair(
        *("required-with-a-null-default", obj({"a": {"default": None}}), obj({"a": {"default": None}}, required=["a"])),
        *("===f", "null is a default, too"),
    ),
    pair("required-without-property", obj(A), obj(A, required=["z"]), "===f", "only Apicurio compares bare names"),
    pair("first-required-below", prop(obj(A)), prop(obj(A, required=["a"])), "ffff", "where Karapace does look"),
    pair(
        *("second-required-below", prop(obj(AB, required=["a"])), prop(obj(AB, required=["a", "b"])), "ff=f"),
        "Karapace asks only whether there is a list",
    ),
    pair("opened", obj(A, **CLOSED), obj(A), "b=bb", "more names are allowed"),
    pair("partly-closed", obj(A), obj(A, **TEXTS), "f=ff", "further names have to be strings now"),
    pair("partly-opened", obj(A, **CLOSED), obj(A, **TEXTS), "b==b", "Karapace compares no schema with false"),
    pair(
        *("additional-widened", obj(additionalProperties=INT), obj(additionalProperties={"type": "number"}), "bbbb"),
        "compared as any subschema",
    ),
    pair("additional-stated", obj(A), obj(A, additionalProperties=True), "==f=", "to Karapace a new keyword"),
    pair("additional-empty", obj(A), obj(A, additionalProperties={}), "f=ff", "a schema, though it accepts all"),
    pair("added-covered", obj(**TEXTS), obj(A, **TEXTS), "====", "what the additional schema said already"),
    pair("added-not-covered", obj(**TEXTS), obj({"a": INT}, **TEXTS), "xxxx", "against the additional schema"),
    pair(
        *("added-narrower", obj(**TEXTS), obj({"a": text(maxLength=3)}, **TEXTS), "fff="),
        "narrower than the additional schema; Apicurio asks the other way round",
    ),
    pair("added-by-pattern", obj(**BY_NAME), obj({"xa": text()}, **BY_NAME), "===f", "covered by the pattern"),
    pair(
        *("added-beside-pattern", obj(**BY_NAME), obj({"a": text()}, **BY_NAME), "b=bf"),
        "patterns close Confluent's and Karapace's model for other names; Apicurio leaves it open",
    ),
    pair(
        *("pattern-body-changed", obj(**BY_NAME), obj(patternProperties={"^x": INT}), "===x"),
        "only Apicurio compares what a pattern asks for",
    ),
    pair("pattern-added", obj(), obj(**BY_NAME), "===f", "only Apicurio compares the patterns"),
    pair("pattern-replaced", obj(**BY_NAME), obj(patternProperties={"^y": text()}), "===x", "one came, one went"),
    pair("names-added", obj(A), obj(A, propertyNames={"maxLength": 5}), "===f", "only Apicurio compares names"),
    pair(
        *("names-narrowed", obj(propertyNames={"maxLength": 5}), obj(propertyNames={"maxLength": 3}), "===f"),
        "only Apicurio compares names",
    ),
    pair("min-properties-lowered", obj(minProperties=2), obj(minProperties=1), "bbbb", "a bound"),
    pair("min-properties-removed", obj(minProperties=2), obj(), "bbbb", "a bound"),
    pair("max-properties-raised", obj(maxProperties=2), obj(maxProperties=3), "bbbb", "a bound"),
    pair("max-properties-removed", obj(maxProperties=2), obj(), "bbbb", "a bound"),
    pair(
        *("dependency-added", obj(AB), obj(AB, dependencies={"a": ["b"]}), "ffbf"),
        "Karapace looks at the writer's only, and fails where the reader has none",
    ),
    pair(
        *("dependency-extended", obj(dependencies={"a": ["b"]}), obj(dependencies={"a": ["b", "c"]}), "ffbf"),
        "Karapace has it the wrong way round",
    ),
    pair(
        *("dependency-changed", obj(dependencies={"a": ["b"]}), obj(dependencies={"a": ["c"]}), "xxxx"),
        "one name came and one went",
    ),
    pair(
        *("dependency-schema-added", obj(A), obj(A, dependencies={"a": {"required": ["b"]}}), "ffbf"),
        "as of names",
    ),
    pair(
        "dependency-schema-narrowed",
        obj(A, dependencies={"a": obj({"b": text()})}),
        obj(A, dependencies={"a": obj({"b": INT})}),
        "xx=x",
        "compared as any subschema; Karapace compares the keywords' names",
    ),
    pair("nested-type-changed", prop(obj(A)), prop(obj({"a": INT})), "xxxx", "at any depth"),
    pair("nested-optional-added", prop(obj(A)), prop(obj(AB)), "f=ff", "at any depth"),
    pair("nested-closed", prop(obj(A)), prop(obj(A, **CLOSED)), "f=ff", "at any depth"),
    pair("untyped", {"properties": A}, obj(A), "====", "keywords of objects make an object"),
    pair("property-renamed", obj(A), obj({"b": text()}), "x=xx", "one is added to an open model each way"),
    pair("renamed-closed", obj(A, **CLOSED), obj({"b": text()}, **CLOSED), "x=xx", "one is removed each way"),
    pair(
        "reference-put-in-place",
        prop({"$ref": "#/definitions/t"}, definitions={"t": text()}),
        prop(text()),
        "====",
        "a reference is what it refers to",
    ),
    pair(
        "reference-narrowed",
        prop({"$ref": "#/definitions/t"}, definitions={"t": text()}),
        prop({"$ref": "#/definitions/t"}, definitions={"t": text(maxLength=3)}),
        "ffff",
        "a reference is what it refers to",
    ),
    pair(
        "unused-definition",
        prop(text(), definitions={"t": text()}),
        prop(text(), definitions={"t": INT}),
        "====",
        "only what is referred to is compared",
    ),
    pair(
        "beside-a-reference",
        prop({"$ref": "#/definitions/t", "maxLength": 3}, definitions={"t": text()}),
        prop({"$ref": "#/definitions/t"}, definitions={"t": text()}),
        "====",
        "up to draft-07 a reference stands alone",
    ),
    pair(
        "default-beside-a-reference",
        prop({"$ref": "#/definitions/t", "default": ""}, definitions={"t": text()}),
        prop({"$ref": "#/definitions/t", "default": ""}, definitions={"t": text()}, required=["x"]),
        "ff=f",
        "up to draft-07 a default beside a reference is lost, so it is no default",
    ),
    pair(
        "recursive",
        obj({"v": text(), "next": {"$ref": "#"}}),
        obj({"v": text(), "next": {"$ref": "#"}}, title="t"),
        "==x=",
        "a pair that is met again is no difference; Karapace follows it without end",
    ),
    pair(
        "recursive-narrowed",
        obj({"v": text(), "next": {"$ref": "#"}}),
        obj({"v": text(maxLength=3), "next": {"$ref": "#"}}),
        "ffxf",
        "the difference is found on the way",
    ),
]
