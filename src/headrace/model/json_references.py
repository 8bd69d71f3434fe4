"""Where the schemas inside a JSON Schema document are, and what their references mean.

A JSON Schema is not a tree of schemas only: `enum`, `const`, `default` and `examples` hold data in which ``$ref`` is an
ordinary key, and a property may be called ``$id``. So whoever rewrites or follows references has to walk by keyword.
`Document` does it once: it finds every subschema (by its JSON pointer, a tuple of tokens), knows each one's base URI, and
resolves each ``$ref`` (``#``, ``#/definitions/x``, ``#anchor``, relative to an ``$id``, percent-encoded or with ``~1``) to a
pointer in the same document. A reference that leaves the document is a `ValueError`: what is registered stands alone.

Drafts 4 to 2020-12 (draft-07, section 8.3; RFC 6901; RFC 3986). Dynamic references are not supported.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote, urldefrag, urljoin

Pointer = tuple[str, ...]
"""A place in a document: the unescaped tokens of a JSON pointer; () is the root."""

DRAFT7: Final = "http://json-schema.org/draft-07/schema#"

_ONE: Final = (
    *("additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not"),
    *("propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"),
)
"""Keywords whose value is a schema (``items`` may be a list)."""
_MANY: Final = ("allOf", "anyOf", "items", "oneOf", "prefixItems")
"""Keywords whose value is a list of schemas."""
_NAMED: Final = ("$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties")
"""Keywords whose value maps names to schemas (``dependencies`` may also map to lists of names)."""

_DRAFTS: Final = {
    "http://json-schema.org/draft-04/schema": 4,
    "http://json-schema.org/draft-06/schema": 6,
    "http://json-schema.org/draft-07/schema": 7,
    "https://json-schema.org/draft/2019-09/schema": 2019,
    "https://json-schema.org/draft/2020-12/schema": 2020,
}


def draft_of(schema: Any) -> int:
    """The draft that a document states: 4, 6, 7, 2019 or 2020; 7 where it states none. Raises ValueError (unknown)."""
    stated = schema.get("$schema", DRAFT7) if isinstance(schema, Mapping) else DRAFT7
    draft = _DRAFTS.get(stated.rstrip("#")) if isinstance(stated, str) else None
    if draft is None:
        raise ValueError(f"$schema {stated!r} is not a draft that Headrace knows; use {DRAFT7}")
    return draft


def fragment(pointer: Pointer) -> str:
    """A pointer as the fragment of a URI, ``#`` included (RFC 6901, 6)."""
    tokens = (quote(t.replace("~", "~0").replace("/", "~1"), safe="!$&'()*+,;=:@-._~") for t in pointer)
    return "#" + "".join(f"/{token}" for token in tokens)


def subschemas(schema: Any) -> Iterator[tuple[Pointer, Any]]:
    """The schemas directly inside ``schema``, each with its pointer relative to it."""
    if not isinstance(schema, Mapping):
        return
    for keyword in _ONE:
        if isinstance(value := schema.get(keyword), Mapping | bool):
            yield (keyword,), value
    for keyword in _MANY:
        if isinstance(value := schema.get(keyword), list):
            for index, item in enumerate(value):
                yield (keyword, str(index)), item
    for keyword in _NAMED:
        if isinstance(value := schema.get(keyword), Mapping):
            for name, item in value.items():
                if isinstance(item, Mapping | bool):
                    yield (keyword, name), item


class Document:
    """A schema document with its subschemas found and its references resolved.

    Raises ValueError for an unknown ``$schema``, a reference that points nowhere or out of the document, or one that is
    dynamic. ``schemas`` maps each subschema's pointer to it; ``targets`` maps the pointer of each subschema that has a
    ``$ref`` to what it means.
    """

    def __init__(self, root: Any) -> None:
        self.root = root
        self.draft = draft_of(root)
        self.schemas: dict[Pointer, Any] = {}
        self.targets: dict[Pointer, Pointer] = {}
        self._bases: dict[Pointer, str] = {}
        self._named: dict[str, Pointer] = {}
        self._walk((), root, "")
        # A reference may point into a keyword that we do not know: what it points at is a schema then, too.
        pending = deque(self.schemas)
        while pending:
            pointer = pending.popleft()
            schema = self.schemas[pointer]
            if not isinstance(schema, Mapping):
                continue
            for keyword in ("$dynamicRef", "$recursiveRef"):
                if keyword in schema:
                    raise ValueError(f"{fragment(pointer)}: {keyword} is not supported; use $ref")
            if isinstance(ref := schema.get("$ref"), str):
                target = self._resolve(ref, pointer)
                self.targets[pointer] = target
                if target not in self.schemas:
                    known = set(self.schemas)
                    self._walk(target, self._at(target), self._bases[()])
                    pending.extend(p for p in self.schemas if p not in known)

    def _walk(self, pointer: Pointer, schema: Any, base: str) -> None:
        # By hand and not by recursion: the depth of a schema is not ours to trust.
        stack = [(pointer, schema, base)]
        while stack:
            pointer, schema, base = stack.pop()
            if pointer in self.schemas:
                continue
            self.schemas[pointer] = schema
            if isinstance(schema, Mapping):
                base = self._name(pointer, schema, base)
                inside = [(pointer + sub, item, base) for sub, item in subschemas(schema)]
                if "$ref" in schema and self.draft < 2019:
                    # Up to draft-07 a reference's siblings are ignored; what they define can still be pointed at.
                    inside = [i for i in inside if i[0][len(pointer)] in ("definitions", "$defs")]
                stack.extend(reversed(inside))
            self._bases[pointer] = base

    def _name(self, pointer: Pointer, schema: Mapping[str, Any], base: str) -> str:
        """Take note of the names that a subschema gives itself; its base URI."""
        if "$ref" in schema and self.draft < 2019:
            return base
        identifier = schema.get("id" if self.draft == 4 else "$id")
        if isinstance(identifier, str):
            own, plain = urldefrag(_join(base, identifier))
            if not identifier.startswith("#"):
                base = own
                self._named.setdefault(own, pointer)
            if plain:
                self._named.setdefault(f"{own}#{plain}", pointer)
        if isinstance(anchor := schema.get("$anchor"), str):
            self._named.setdefault(f"{base}#{anchor}", pointer)
        return base

    def _resolve(self, ref: str, pointer: Pointer) -> Pointer:
        base = self._bases[pointer]
        uri, plain = urldefrag(_join(base, ref))
        plain = unquote(plain)
        if uri == base and not uri:
            start: Pointer | None = ()
        else:
            start = self._named.get(uri)
            if start is None and uri == self._bases[()]:
                start = ()
        if start is not None and (not plain or plain.startswith("/")):
            target = start + tuple(t.replace("~1", "/").replace("~0", "~") for t in plain.split("/")[1:])
        else:
            named = self._named.get(f"{uri}#{plain}")
            if named is None:
                where = "points nowhere" if start is not None or not uri else "leaves the document"
                raise ValueError(f"{fragment(pointer)}: the reference {ref!r} {where}")
            target = named
        try:
            found = self._at(target)
        except (KeyError, IndexError, ValueError, TypeError):
            raise ValueError(f"{fragment(pointer)}: the reference {ref!r} points nowhere") from None
        if not isinstance(found, Mapping | bool):
            raise ValueError(f"{fragment(pointer)}: the reference {ref!r} points at something that is no schema")
        return target

    def _at(self, pointer: Pointer) -> Any:
        value = self.root
        for token in pointer:
            value = value[int(token)] if isinstance(value, list) else value[token]
        return value


def _join(base: str, reference: str) -> str:
    if base.startswith("urn:") and reference.startswith("#"):  # urljoin knows no urn
        return urldefrag(base)[0] + reference
    return urljoin(base, reference)


def embed(document: Document, prefix: Pointer) -> Any:
    """The document's schema, fit to stand at ``prefix`` in another one: ``$schema``, ``$id`` and anchors removed, every
    reference rewritten to the pointer that it means there. Data inside (`enum`, `default`...) is left as it is."""
    return _rewrite(document, (), document.root, prefix)


def _rewrite(document: Document, pointer: Pointer, value: Any, prefix: Pointer) -> Any:
    is_schema = pointer in document.schemas
    if isinstance(value, Mapping):
        out = {key: _rewrite(document, (*pointer, key), item, prefix) for key, item in value.items()}
        if is_schema:
            for keyword in ("$schema", "$id", "$anchor", *(("id",) if document.draft == 4 else ())):
                out.pop(keyword, None)
            if pointer in document.targets:
                out["$ref"] = fragment(prefix + document.targets[pointer])
        return out
    if isinstance(value, list):
        return [_rewrite(document, (*pointer, str(i)), item, prefix) for i, item in enumerate(value)]
    return value
