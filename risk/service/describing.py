"""The description at /openapi.json, and /docs, the page for people that is made from it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, current_app, render_template

from risk.service import description
from risk.service.description import DescribedService
from risk.service.live import Watch
from risk.service.operations import CSV, JSON
from risk.service.predictions import LiveState
from risk.service.requests import Contract
from risk.settings.capacity import BY_GAIN
from risk.settings.schema import Schema

blueprint = Blueprint("description", __name__)

HOST = "http://127.0.0.1:8000"


@dataclass
class Described:
    """The description of what is live, made again when that changes."""

    watch: Watch
    schema: Schema
    needs_token: bool
    of: LiveState | None = None
    told: dict[str, Any] = field(default_factory=dict)
    written: bytes = b""


def furnish(app: Flask, watch: Watch, schema: Schema, *, needs_token: bool) -> None:
    """Let a service describe itself."""
    app.extensions["description"] = Described(watch, schema, needs_token)
    app.register_blueprint(blueprint)


@blueprint.get("/openapi.json")
def document() -> Response:
    """Return this description: OpenAPI 3.1, of the model that is live."""
    return Response(_described().written, mimetype=JSON)


@blueprint.get("/docs")
def docs() -> Response:
    """Return the page that shows this description."""
    told, schemas = _described().told, _described().told["components"]["schemas"]
    parts = [(tag, [_shown(*it) for it in _of_tag(told, tag["name"])]) for tag in told["tags"]]
    return Response(render_template("docs.html", told=told, parts=parts, schemas={
        name: _fields(it, it.get("required", ())) for name, it in schemas.items()}, words=schemas))  # fmt: skip


def _described() -> Described:
    here: Described = current_app.extensions["description"]
    now = here.watch.live
    if here.of is not now:  # two threads may make the same
        told = description.document(current_app, _subject(now, here))
        here.told, here.written, here.of = told, msgspec.json.encode(told), now
    return here


def _subject(now: LiveState, here: Described) -> DescribedService:
    contract = now.contract or Contract(here.schema, here.schema.kinds)
    probes = (now.model.card.probes if now.model else None) or []
    typical = {it["name"]: it["typical"] for it in probes}
    capacity = dict(now.shown.snapshot["capacity"]) if now.shown and "capacity" in now.shown.snapshot else {}
    example = description.example_of(contract, typical)
    return DescribedService(contract, example, here.needs_token, capacity.get("order") == BY_GAIN)


# --- the page ---------------------------------------------------------------------------------------------------------


def _of_tag(told: Mapping[str, Any], tag: str) -> list[tuple[str, str, dict[str, Any]]]:
    every = ((method, path, it) for path, methods in told["paths"].items() for method, it in methods.items())
    return [(method.upper(), path, it) for method, path, it in every if tag in it["tags"]]


def _shown(method: str, path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    """An operation as the page shows it: what it takes, each answer with its kinds, and a call of curl."""
    body = operation.get("requestBody", {}).get("content", {})
    answers = [
        (status, it["description"], [(kind, _type(about["schema"])) for kind, about in it.get("content", {}).items()])
        for status, it in operation["responses"].items()
    ]
    named = [it | {"type": _type(it["schema"])} for it in operation.get("parameters", ())]
    takes = [(kind, _type(it["schema"]), it["schema"].get("description", "")) for kind, it in body.items()]
    return {"method": method, "path": path, "summary": operation["summary"], "parameters": named, "body": takes,
            "answers": answers, "calls": _calls(path, body), "id": operation["operationId"]}  # fmt: skip


def _calls(path: str, body: Mapping[str, Any]) -> list[str]:
    """Calls of curl that can be typed."""
    url = f"{HOST}{path.replace('{name}', 'NAME')}"
    if not body:
        return [f"curl {url}"]
    found = [it["value"] for it in body[JSON].get("examples", {}).values()] or [body[JSON].get("example", {})]
    calls = [f"curl -H 'Content-Type: {JSON}' {url} \\\n     -d {shlex.quote(_json(it))}" for it in found]
    return calls + [f"curl -H 'Content-Type: {CSV}' {url} --data-binary @FILE.csv"] * (CSV in body)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _type(schema: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """A schema in words, each with the name of the schema that it means."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [(name, name)]
    if "anyOf" in schema:
        parts = [_type(it) for it in sorted(schema["anyOf"], key=lambda it: it.get("type") in ("array", "null"))]
        return [piece for at, part in enumerate(parts) for piece in ([(" or ", None)] if at else []) + part]
    if "enum" in schema:
        return [("one of " + ", ".join(_json(it) for it in schema["enum"]), None)]
    kind = schema.get("type", "anything")
    if kind == "array":
        return [("list of ", None), *_type(schema.get("items", {}))]
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return [("names with ", None), *_type(schema["additionalProperties"])]
    if kind == "object" and schema.get("properties"):
        inner = [[(f"{{{_json(name)}: ", None), *_type(it), ("}", None)] for name, it in schema["properties"].items()]
        return [piece for part in inner for piece in part]
    return [(WORDS.get(kind, kind) + _bounds(schema), None)]


WORDS = {"string": "text", "integer": "whole number", "null": "null", "boolean": "true or false"}
BOUNDS = {"minimum": "at least", "maximum": "at most", "maxLength": "characters at most", "default": "without it"}


def _bounds(schema: Mapping[str, Any]) -> str:
    told = [f"{words} {schema[name]}" for name, words in BOUNDS.items() if name in schema]
    return f" ({', '.join(told)})" if told else ""


def _fields(schema: Mapping[str, Any], required: Any) -> list[tuple[str, list[tuple[str, str | None]], bool]]:
    return [(name, _type(it), name in required) for name, it in schema.get("properties", {}).items()]
