"""Values drawn from a JSON schema of the API's description, as Hypothesis strategies."""

from typing import Any

from hypothesis import strategies as st

TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=20)
ITEMS_MOST = 3


def drawn(schema: dict[str, Any], document: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for values that a schema allows; it knows the words that our description uses."""
    if "$ref" in schema:
        return drawn(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if several := schema.get("anyOf") or schema.get("allOf"):
        return st.one_of([drawn(each, document) for each in several])
    kind = schema["type"]
    if kind == "object":
        return _object(schema, document)
    if kind == "array":
        return st.lists(drawn(schema["items"], document), min_size=schema.get("minItems", 0), max_size=ITEMS_MOST)
    return _plain(kind, schema)


def _object(schema: dict[str, Any], document: dict[str, Any]) -> st.SearchStrategy[Any]:
    fields = {name: drawn(each, document) for name, each in schema["properties"].items()}
    required = {name: fields.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=fields)


def _plain(kind: str, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    least, most = schema.get("minimum"), schema.get("maximum")
    if kind == "integer":
        return st.integers(least, most)
    if kind == "number":
        return st.floats(least, most, allow_nan=False, allow_infinity=False) | st.integers(least, most)
    if kind == "boolean":
        return st.booleans()
    if schema.get("format") == "date-time":
        return st.datetimes().map(lambda moment: f"{moment.isoformat(timespec='seconds')}Z")
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    return st.text(
        alphabet=st.characters(codec="utf-8"), min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 20)
    )
