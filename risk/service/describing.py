"""The description at /openapi.json, and /docs, the page for people that is made from it."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from flask import Blueprint, Flask, Response, current_app, render_template, request
from markupsafe import Markup, escape

from risk.service import description, pages, security
from risk.service.described_answers import PROBLEM
from risk.service.description import DescribedService
from risk.service.live import Watch
from risk.service.operations import CSV, JSON
from risk.service.predictions import LiveState
from risk.service.requests import Contract
from risk.settings.capacity import BY_GAIN
from risk.settings.schema import Schema

blueprint = Blueprint("description", __name__)

Words = list[tuple[str, str | None]]
QUOTE = '"'
OF_EVERY = ("X-Request-Id", "Cache-Control")  # headers that every answer has
_CODE = re.compile("`([^`]+)`")


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
    app.jinja_env.filters["code"] = lambda text: Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))
    app.register_blueprint(blueprint)


@blueprint.get("/openapi.json")
def document() -> Response:
    """Return this description: OpenAPI 3.1, of the model that is live."""
    return Response(_described().written, mimetype=JSON)


@blueprint.get("/docs")
def docs() -> Response:
    """Return the page that shows this description."""
    here = _described()
    told, address = here.told, security.address(request.environ)
    parts = [(tag, [_shown(*it, address) for it in _of_tag(told, tag["name"])]) for tag in told["tags"]]
    schemas = {name: (it, _fields(it)) for name, it in told["components"]["schemas"].items()}
    top = {"navigation": pages.NAVIGATION, "here": "/docs", "now": here.watch.live, "clock": time.time()}
    return Response(render_template("docs.html", told=told, parts=parts, schemas=schemas, **top))


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
    lacking = now.shown.clients.lacking if now.shown else ()
    return DescribedService(contract, example, here.needs_token, capacity.get("order") == BY_GAIN, tuple(lacking))


# --- the page ---------------------------------------------------------------------------------------------------------


def _of_tag(told: Mapping[str, Any], tag: str) -> list[tuple[str, str, dict[str, Any]]]:
    every = ((method, path, it) for path, methods in told["paths"].items() for method, it in methods.items())
    return [(method.upper(), path, it) for method, path, it in every if tag in it["tags"]]


def _shown(method: str, path: str, operation: Mapping[str, Any], address: str) -> dict[str, Any]:
    """An operation as the page shows it: what it takes, each answer with its kinds, and calls of curl."""
    body, answers = operation.get("requestBody", {}), []
    for status, it in operation["responses"].items():
        content = {} if PROBLEM in it.get("content", ()) else it.get("content", {})
        kinds = [(kind, _type(about["schema"])) for kind, about in content.items()]
        answers.append((status, it["description"], kinds, [name for name in it["headers"] if name not in OF_EVERY]))
    named = [it | {"type": _type(it["schema"])} for it in operation.get("parameters", ())]
    takes = [(kind, _type(it["schema"])) for kind, it in body.get("content", {}).items()]
    told = {"method": method, "path": path, "summary": operation["summary"], "parameters": named, "body": takes}
    told |= {"answers": answers, "id": operation["operationId"], "about": body.get("description")}
    return told | {"calls": _calls(shlex.quote(address + path.replace("{name}", "NAME")), operation)}


def _calls(url: str, operation: Mapping[str, Any]) -> list[str]:
    """Calls of curl that can be typed."""
    needs_token = operation.get("security", _described().told.get("security"))
    curl = 'curl -H "Authorization: Bearer $RISK_TOKEN"' if needs_token else "curl"
    body = operation.get("requestBody", {}).get("content", {})
    if not body:
        file = operation["responses"]["200"]["headers"].get("Content-Disposition", {}).get("schema", {}).get("const")
        return [f"{curl} {url}" + (f" -o {file.split('filename=')[1].strip(QUOTE)}" if file else "")]
    found = [it["value"] for it in body[JSON].get("examples", {}).values()] or [body[JSON]["example"]]
    calls = [f"{curl} -H 'Content-Type: {JSON}' {url} \\\n     -d {shlex.quote(_json(it))}" for it in found]
    return calls + [f"{curl} -H 'Content-Type: {CSV}' {url} --data-binary @FILE.csv"] * (CSV in body)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _fields(schema: Mapping[str, Any]) -> list[tuple[str, Words, bool]]:
    """The fields of a schema: the name, the value in words, whether it is always there."""
    return [(name, _type(it), name in schema.get("required", ())) for name, it in schema.get("properties", {}).items()]


# --- a schema in words ------------------------------------------------------------------------------------------------


def _type(schema: Mapping[str, Any], *, many: bool = False) -> Words:
    """A schema in words, each with the name of the schema that it means; many of it, in the plural."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return [(name, name)]
    if "anyOf" in schema:  # lists come last: nothing that follows is taken for what they hold
        *parts, last = map(_type, sorted(schema["anyOf"], key=lambda it: it.get("type") == "array"))
        pieces = [*[piece for part in parts for piece in [(", ", None), *part]][1:], (" or ", None), *last]
        return [("(", None), *pieces, (")", None)] if many else pieces
    if "enum" in schema:
        known = [_json(it) for it in schema["enum"] if it != ""]
        return [(" or ".join([", ".join(known)] * bool(known) + ["empty"] * ("" in schema["enum"])), None)]
    kind = schema.get("type", "anything")
    if kind == "array":
        size = f"{schema['minItems']} " if schema.get("minItems") else ""
        return [(f"a list of {size}", None), *_type(schema.get("items", {}), many=True)]
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return [("by name, each ", None), *_type(schema["additionalProperties"])]
    return [(WORDS.get(kind, kind) + "s" * many + _bounds(schema), None)]


WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false"}
LARGE = 10**9  # a bound above it is none that anybody meets


def _bounds(schema: Mapping[str, Any]) -> str:
    least, most, default = (schema.get(name) for name in ("minimum", "maximum", "default"))
    told = "" if least is None else f" of at least {least:,}"
    told = f" from {least:,} to {most:,}" if most is not None and most < LARGE else told
    told += f" of at most {schema['maxLength']} characters" if "maxLength" in schema else ""
    told += f": {schema['description']}" if "description" in schema else ""
    return told + (f"; {default} if left out" if default not in (None, "") else "")
