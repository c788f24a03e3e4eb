"""Checks of an answer by what the description promises: status, kind, schema and size."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from risk.service.answers import HealthAnswer, PredictionAnswer, ProblemDocument
from risk.service.described_answers import OF_ALL, PROBLEM
from risk.service.downloads import EXCEL
from risk.service.operations import HTML, JSON, OPERATIONS, SVG

WHOLE = {
    "application/pdf": (b"%PDF-", b"%%EOF"),
    EXCEL: (b"PK", b""),
    SVG: (b"<", b"</svg>"),
    HTML: (b"<!doctype html>", b"</html>"),
}


def faults(endpoint: str, status: int, headers: Mapping[str, str], content: bytes) -> list[str]:
    """What is wrong with an answer of an endpoint; nothing for a refusal that is described."""
    operation = OPERATIONS[endpoint]
    kind = headers.get("Content-Type", "").partition(";")[0].strip()
    size = headers.get("Content-Length", str(len(content)))
    found = [f"it has {len(content)} bytes, declared are {size}"] if size != str(len(content)) else []
    if not content:
        return [*found, "it is empty"]
    if status == operation.status:
        kinds, struct = tuple(operation.kinds), operation.kinds.get(kind)
    elif status in operation.others:
        kinds, struct = (JSON,), operation.others[status]
    elif status in (*operation.problems, *OF_ALL):
        kinds, struct = (PROBLEM,), ProblemDocument
    else:
        return [*found, f"its status is {status}, which is not described"]
    if kind not in kinds:
        return [*found, f"its kind is {kind or 'not told'}, expected {' or '.join(kinds)}"]
    start, end = WHOLE.get(kind, (b"", b""))
    is_cut = not (content.startswith(start) and content.rstrip().endswith(end))
    return [*found, *(["it is no whole file of its kind"] if is_cut else []), *_misfits(struct, content)]


def _misfits(struct: object, content: bytes) -> list[str]:
    """What a strict reader of the struct says; of several structs one must fit."""
    structs = struct if isinstance(struct, tuple) else (struct,)
    told = [why for it in structs if it is not None for why in [_misfit(it, content)]]
    return [] if not told or None in told else [f"it is not what is described: {told[0]}"]


def _misfit(struct: object, content: bytes) -> str | None:
    try:
        msgspec.json.decode(content, type=struct)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return str(error)
    return None


def counted(content: bytes, n_rows: int) -> list[str]:
    """What is wrong with the lengths of the lists in the answer to a prediction of so many rows."""
    try:
        told = msgspec.json.decode(content, type=PredictionAnswer)
    except msgspec.DecodeError:
        return []
    names = ("predictions", "risks", "ranks", "clients", "bands")
    wrong = [f"{name} has {len(getattr(told, name))}" for name in names if len(getattr(told, name)) != n_rows]
    return [f"of {n_rows} rows {', '.join(wrong)}"] if wrong else []


def other_release(content: bytes, held: str | None) -> list[str]:
    """That the service runs another release than production holds, by its answer to /health."""
    try:
        told = msgspec.json.decode(content, type=HealthAnswer)
    except msgspec.DecodeError:
        return []
    if told.release == held:
        return []
    return [f"the service runs {_release(told.release)}, production holds {_release(held)}"]


def _release(name: str | None) -> str:
    return f"release {name}" if name else "no release"
