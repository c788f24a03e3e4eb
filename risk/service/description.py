"""Description of the service, OpenAPI 3.1, made of the structs that validate requests and of the routes themselves.

It is that of the live model: its columns are those of a client. Before any model is live the settings tell them.
"""

from __future__ import annotations

import csv
import inspect
import io
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from flask import Flask

from risk.disk.paths import PROGRAM
from risk.service import described_answers, security
from risk.service.answers import ProblemDocument
from risk.service.client_answers import Recording
from risk.service.operations import CONTACT, CSV, JSON, OPERATIONS, PREDICTION, TAGS, Operation, names_of
from risk.service.requests import MAX_BODY, MAX_ROWS, Contract
from risk.service.responses import FORM

ABOUT = (
    "Risks of clients, the newest figures, the call list and its track record. A refusal is a problem of RFC 9457 in "
    "one sentence; a browser gets it as a page. HEAD is answered as GET, without a body; any other method that is not "
    f"described is 405, and Allow names those that are. A body has at most {MAX_BODY // 2**20} MiB and {MAX_ROWS:,} "
    "rows. Whoever accepts gzip gets answers above 1 kB packed."
)
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The token, for programs."},
    "basic": {"type": "http", "scheme": "basic", "description": "Any name, and the token as password, for browsers."},
}
# A second kind with the same fields is one that makers of clients cannot tell from the first.
AS_FORM = f"A page sends the same fields as a form ({FORM}); its answer is 303, to the page of the client."
CONTACT_EXAMPLE = {"client": "NAME", "result": "reached"}
BY = {
    "clients": "Figures of clients.",
    "ids": "Current clients by name, whose risks are listed already.",
    "filepath": "A file in the input, test or practice folder, by its path from the settings on.",
}
CLIENT_CSV = "a header with the columns of a client, in any order and among others, and a line per client"


@dataclass(frozen=True)
class DescribedService:
    """What is described: the columns of a client, a client as an example, whether a token is needed.

    `by_gain` says that the call list is in the order of expected gain; `lacking` are the orders and filters of all
    clients for which the newest report holds nothing.
    """

    contract: Contract
    example: Mapping[str, Any]
    needs_token: bool
    by_gain: bool = False
    lacking: Collection[str] = ()


def document(app: Flask, subject: DescribedService) -> dict[str, Any]:
    """The whole description."""
    schemas = _Schemas(subject)
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda it: str(it)):
        if rule.endpoint not in OPERATIONS:
            continue
        told = _operation(str(rule), rule.endpoint, app.view_functions[rule.endpoint], schemas)
        for method in (rule.methods or set()) & {"GET", "POST"}:
            paths.setdefault(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule)), {})[method.lower()] = told
    components: dict[str, Any] = {"schemas": dict(sorted(schemas.known.items()))}
    components |= {"headers": described_answers.HEADERS}
    needs: dict[str, Any] = {}
    if subject.needs_token:
        components, needs = components | {"securitySchemes": SCHEMES}, {"security": [{name: []} for name in SCHEMES]}
    info = {"title": "Churn risk", "version": PROGRAM, "description": ABOUT}
    tags = [{"name": name, "description": told} for name, told in TAGS.items()]
    told = {"openapi": "3.1.0", "info": info, "servers": [{"url": "/"}], "tags": tags, "paths": paths}
    return told | {"components": components} | needs


class _Schemas:
    """Schemas of all structs, by reference to components."""

    def __init__(self, subject: DescribedService) -> None:
        self.subject = subject
        structs = [it for operation in OPERATIONS.values() for it in _structs(operation)]
        types = [subject.contract.asked, Recording, ProblemDocument, *structs]
        found, self.known = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
        self._of = dict(zip(map(id, types), found, strict=True))
        body = self.known.pop("Body")
        for name, schema in body["properties"].items():
            self.known[f"By{name.title()}"] = {
                "title": f"By{name.title()}", "description": BY[name], "type": "object", "properties": {name: schema},
                "required": [name], "additionalProperties": False,
            }  # fmt: skip
        self.known["ClientFigures"]["description"] = (
            "The columns of a client. Those that may be absent change no prediction."
        )
        named = [{"$ref": f"#/components/schemas/{it}"} for it in ("ClientFigures", "ByClients", "ByIds", "ByFilepath")]
        self.prediction = {"anyOf": [found[0]["anyOf"][0], *named]}

    def of(self, struct: Any) -> dict[str, Any]:
        """The schema of a struct, or of one of several."""
        if isinstance(struct, tuple):
            return {"anyOf": [self.of(it) for it in struct]}
        schema: dict[str, Any] = self._of[id(struct)]
        return schema


def _structs(operation: Operation) -> list[Any]:
    told = [it for it in (*operation.kinds.values(), *operation.others.values()) if it]
    return [one for it in told for one in (it if isinstance(it, tuple) else (it,))]


def _operation(rule: str, endpoint: str, view: Any, schemas: _Schemas) -> dict[str, Any]:
    operation, subject = OPERATIONS[endpoint], schemas.subject
    parameters: list[dict[str, Any]] = [
        {"name": it, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1},
         "description": "The name, exactly as it is listed."}
        for it in re.findall(r"<(?:\w+:)?(\w+)>", rule)
    ]  # fmt: skip
    for name, about in names_of(endpoint, subject.by_gain, subject.lacking).items():
        parameters.append({"name": name, "in": "query", "required": False} | dict(about))
    parameters += [described_answers.IF_NONE_MATCH] if described_answers.is_stored(rule, endpoint) else []
    told: dict[str, Any] = {"operationId": _name(rule, endpoint), "tags": [operation.tag]}
    told |= {"summary": summary(view)} | ({"parameters": parameters} if parameters else {})
    told |= {"requestBody": _body(operation.body, schemas)} if operation.body else {}
    told |= {"security": []} if rule in security.OPEN and subject.needs_token else {}
    found = described_answers.answers(rule, endpoint, schemas.of, needs_token=subject.needs_token)
    return told | {"responses": found}


def _name(rule: str, endpoint: str) -> str:
    blueprint, _, function = endpoint.rpartition(".")
    name = function if blueprint in ("service", "description") else f"{blueprint}_{function}"
    return f"{name}_json" if rule == "/clients.json" else name


def summary(view: Any) -> str:
    """The first sentence of a view's own words."""
    words = " ".join(inspect.cleandoc(view.__doc__ or "").split("\n\n")[0].split())
    words = words.removeprefix("Return ").replace("`", "")
    return words[:1].upper() + words[1:]


def _body(of: str, schemas: _Schemas) -> dict[str, Any]:
    if of == CONTACT:
        content = {JSON: {"schema": schemas.of(Recording), "example": CONTACT_EXAMPLE}}
        return {"required": True, "description": AS_FORM, "content": content}
    assert of == PREDICTION
    example = dict(schemas.subject.example)
    one = {"one client": {"value": example}, "several clients": {"value": {"clients": [example, example]}}}
    table = {"type": "string", "description": CLIENT_CSV}
    json = {"schema": schemas.prediction, "examples": one}
    return {"required": True, "content": {JSON: json, CSV: {"schema": table, "example": _csv(example)}}}


def _csv(example: Mapping[str, Any]) -> str:
    """A client as a table with a header."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([example, ["" if it is None else it for it in example.values()]])
    return text.getvalue()


def example_of(contract: Contract, typical: Mapping[str, Any]) -> dict[str, Any]:
    """A client as a request names one, of typical figures where the model knows them."""
    least = {name: 1.0 if it is None else max(it, 1.0) for name, it in contract.features.items()}
    told = {
        name: typical.get(name, least[name] if kind == "numeric" else None) for name, kind in contract.kinds.items()
    }
    return {contract.client: "acme"} | told if contract.client not in told else told
