"""The page on the API, written from its OpenAPI document: `python -m tests.api_page` writes docs/api.md anew."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memguard.dashboard.api import openapi

PAGE = Path(__file__).parent.parent / "docs" / "api.md"
INTRODUCTION = """\
# The API

{description}

Paths are below the endpoint, which is `/_memguard` unless it was set otherwise. Show the token:

```console
curl -H "Authorization: Bearer $MEMGUARD_TOKEN" localhost:8000/_memguard/api/report
```

The same, for programs, is the OpenAPI 3.1 document at `/_memguard/api/openapi.json`. This page is written from it.
An error is `{{"error": "a sentence"}}`.
"""


def page() -> str:
    """Return the page."""
    document = openapi()
    return "\n".join(
        [INTRODUCTION.format(description=document["info"]["description"]), *_paths(document), *_schemas(document)]
    )


def _paths(document: dict[str, Any]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            yield f"## {told['summary']}\n\n`{method.upper()} {path}`\n"
            if "description" in told:
                yield f"{told['description']}\n"
            if parameters := told.get("parameters"):
                yield "| parameter | what it is |\n| --- | --- |"
                yield from (
                    f"| `{each['name']}` | {each['description']}{_allowed(each['schema'])} |" for each in parameters
                )
                yield ""
            if body := told.get("requestBody"):
                yield f"{_fields(_resolved(document, body['content']['application/json']['schema']))}\n"
                for example in body["content"]["application/json"]["examples"].values():
                    yield f"```json\n{json.dumps(example['value'])}\n```\n"
            yield "| status | what comes |\n| --- | --- |"
            for status, answer in told["responses"].items():
                found = _resolved(document, answer)
                yield f"| {status} | {found['description']}{_schema_of(found)} |"
            yield ""


def _schemas(document: dict[str, Any]) -> Iterator[str]:
    yield "## What answers hold\n"
    for name, schema in document["components"]["schemas"].items():
        if name in {"Error", "Answer", "Moment", "Order"}:
            continue
        yield f"### {name}\n\n{schema['description']}\n"
        if "enum" in schema:
            yield f"One of {', '.join(f'`{each}`' for each in schema['enum'])}.\n"
        if fields := _fields(schema):
            yield f"{fields}\n"


def _fields(schema: dict[str, Any]) -> str:
    rows = [
        f"| `{name}` | {_type(told)} | {told.get('description', '')}{_enumerated(told)} |"
        for name, told in schema.get("properties", {}).items()
    ]
    return "\n".join(["| field | type | what it is |", "| --- | --- | --- |", *rows]) if rows else ""


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "moment" if name == "Moment" else f"[{name}](#{name.lower()})"
    if "allOf" in schema:
        return _type(schema["allOf"][0])
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    named = [f"list of {_type(schema['items'])}" if kind == "array" else kind for kind in kinds]
    if schema.get("properties"):
        return f"object of {', '.join(f'`{name}`' for name in schema['properties'])}"
    return " or ".join(named)


def _enumerated(schema: dict[str, Any]) -> str:
    return f" One of {', '.join(f'`{each}`' for each in schema['enum'])}." if "enum" in schema else ""


def _allowed(schema: dict[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    span = f" From {least} to {most}." if least is not None and most is not None else ""
    default = f" By default {schema['default']}." if "default" in schema else ""
    return span + default


def _schema_of(answer: dict[str, Any]) -> str:
    for kind, content in answer.get("content", {}).items():
        reference = content["schema"].get("$ref", "").rpartition("/")[2]
        if reference and reference != "Error":
            return f" [{reference}](#{reference.lower()})"
        if kind != "application/json":
            return f" `{kind}`"
    return ""


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    _, _, kind, name = schema["$ref"].split("/")
    found: dict[str, Any] = document["components"][kind][name]
    return found


if __name__ == "__main__":
    PAGE.write_text(page())
