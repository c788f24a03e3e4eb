"""Erasing clients from everything that is kept, in all versions and releases.

Reads:  everything that is kept, and the files of others, which are only told of
Writes: erasing.jsonl (the order, then the plan), the register, the journal, every file that holds one of the clients

All new files are staged first. The journal's line that says which digest became which is the point from which the
erasure holds: a kill before it leaves everything as it was, and after it the next run puts in place what is left to do.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from risk.dataset import dataset, derived
from risk.dataset.erasure import Erasure
from risk.dataset.versions import Versions
from risk.disk import files, journal, paths, staging
from risk.disk.journal import ERASE
from risk.disk.redaction import NOTE, SHORT, ClientNames
from risk.disk.staging import Rewrite, StagingPlan
from risk.errors import UsageError
from risk.lists import erased_lists
from risk.reading import erased
from risk.registry.erased_releases import TrainedModels
from risk.registry.releases import object_in
from risk.report import certificate, erased_reports, named_clients, occurrences
from risk.report.certificate import DONE, INTENT, REPLACED, Certificate
from risk.report.erased_levels import Levels
from risk.report.named_clients import Home

UNCHANGED = "Nothing was changed."


@dataclass(frozen=True)
class Order:
    """Who is to be erased and why, under a name of its own; `practice` says that practice follows."""

    id: str
    clients: tuple[str, ...]
    reason: str
    practice: bool = False


def new_order(clients: Collection[str], reason: str, *, practice: bool) -> Order:
    return Order(os.urandom(8).hex(), tuple(sorted(set(clients))), reason, practice)


def begin(home: Home, order: Order) -> None:
    """Write an order down; from then on it is carried out, if need be by the next run. The caller holds the lock."""
    files.remove(home.production / paths.TICK)
    files.remove(home.order)
    files.append(home.order, _line(asdict(order)))


def ordered(home: Home) -> Order | None:
    """The order that is not done yet, if there is one. The caller holds the lock. Raises: DiskError."""
    try:
        *lines, torn = home.order.read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    if not lines:  # a kill came before the order was whole
        files.remove(home.order)
        return None
    if torn:
        with files.refusals(home.order):
            os.truncate(home.order, home.order.stat().st_size - len(torn))
    told = json.loads(lines[0])
    return Order(told["id"], tuple(told["clients"]), told["reason"], told.get("practice", False))


def is_done(home: Home, order: Order) -> bool:
    """Whether the journal tells that an order was carried out."""
    return DONE in certificate.lines_of(journal.read(home.journal), order.id)


def close(home: Home) -> None:
    """Take the order away, once everything that it asks for is done."""
    files.remove(home.order)
    files.sync(home.production)


def check(clients: Sequence[str], reason: str) -> None:
    """Raises: UsageError where no client or reason is given, or the reason names a client."""
    if not clients or not all(it.strip() for it in clients):
        raise UsageError(f"--erase: no client is named. {UNCHANGED} Name one, or a file of them with --erase-file.")
    if not reason.strip():
        raise UsageError(f"--reason: it is blank. {UNCHANGED} Say why, without the name of the client.")
    words = re.search(rf"(?<!\w)(?:{'|'.join(map(re.escape, clients))})(?!\w)", reason, re.IGNORECASE)
    if words or any(len(it) > SHORT and it.casefold() in reason.casefold() for it in clients):
        told = "--reason: it holds the name of a client, and the journal keeps it for ever"
        raise UsageError(f"{told}. {UNCHANGED} Say the reason without it, as the number of a request.")


def carry_out(home: Home, order: Order) -> Certificate:
    """Erase the clients of an order from everything that an installation keeps; every step asks whether it is done.

    The caller holds the lock, has checked the clients, and closes the order.
    Raises: ErasureError with nothing changed; DiskError, after which the next run goes on.
    """
    clients, reason, name = order.clients, order.reason, order.id
    records = journal.read(home.journal)
    lines = certificate.lines_of(records, name)
    digests = erased.add(home.production, clients)
    if INTENT not in lines:
        told = {"step": INTENT, "id": name, "reason": reason, "clients": digests, "n_clients": len(clients)}
        told |= {"check": erased.check_of(home.production)}
        journal.append(home.journal, {"kind": ERASE} | told)
    plan, facts = _planned(home, clients)
    names = ClientNames(frozenset(clients), frozenset(facts["others"]), frozenset(facts["shared"]))
    if REPLACED not in lines:
        journal.append(home.journal, {"kind": ERASE, "step": REPLACED, "id": name, "replaced": dict(plan.replaced)})
    staging.put_in_place(plan)
    _in_place(home, names)
    _derive_again(home)
    left = occurrences.kept(home.kept, names, home.schema.client)
    ambiguous = erased.read(home.production).digests_of(names.names - names.plain)
    done = Certificate(
        name, reason, tuple(digests), facts["n_rows"], plan.staged, plan.gone, dict(plan.replaced),
        tuple(facts["trained"]), facts["levels"], tuple(ambiguous), left,
        occurrences.in_sources(home.others, names, home.schema.files or home.schema, home.size_cap),
        certificate.earlier(records, name, digests),
    )  # fmt: skip
    if DONE not in lines:
        counts = {"n_rows": facts["n_rows"], "n_files": len(plan.staged), "left": sum(left.values())}
        journal.append(home.journal, {"kind": ERASE, "step": DONE, "id": name, "trained": facts["trained"]} | counts)
    return done


def _planned(home: Home, clients: Collection[str]) -> tuple[StagingPlan, dict[str, Any]]:
    """The plan of an order, with what a person should know; staged and written down where that is not done yet."""
    _, *lines = home.order.read_bytes().splitlines()
    if lines:
        told = json.loads(lines[0])
        return staging.planned(told["plan"], home.production), told["facts"]
    names = named_clients.names(home, clients)
    plan, facts = _staged(home, names)
    facts |= {"others": sorted(names.others), "shared": sorted(names.shared)}
    files.append(home.order, _line({"plan": plan.told(home.production), "facts": facts}))
    return plan, facts


def _staged(home: Home, names: ClientNames) -> tuple[StagingPlan, dict[str, Any]]:
    """Stage every file that holds one of the clients, as it is without them; and what a person should know."""
    rows = Erasure(home.ingested, home.schema, names)
    kinds = home.schema.kinds
    found = rows.of_clients.levels(name for name, kind in kinds.items() if kind == "categorical")
    rows.rewrite_parts()
    models = TrainedModels(home.production, home.models, home.ingested / paths.VERSIONS, names)
    trained = models.trained_on_them()
    plan = staging.stage(_rewrites(home, names, rows, models, found))
    written = home.journal.read_text(encoding="utf-8") if home.journal.is_file() else ""
    named = {was: now for was, now in plan.replaced.items() if was != now and was in written}
    n_rows = sum(len(part.rows) for part in rows.parts.values())
    return replace(plan, replaced=named), {"n_rows": n_rows, "trained": trained} | {
        "levels": {name: len(values) for name, values in found.items()}
    }


def _rewrites(
    home: Home, names: ClientNames, rows: Erasure, models: TrainedModels, levels: Levels
) -> Iterator[Rewrite]:
    yield from models.rewrites(rows.moved)
    yield from rows.rewrites(home.production)
    yield from erased_lists.rewrites(home.models / paths.LISTS, names.names)
    yield from erased_reports.rewrites(home.models / paths.REPORTS, names, levels)
    delivery = home.production / paths.DELIVERY
    if (cut := names.cut(before := object_in(delivery))) != before:
        yield Rewrite(delivery, files.as_json(cut))
    answers = home.models / paths.API_RETURNS
    if answers.is_file() and names.count(answers.read_text(encoding="utf-8", errors="replace"), NOTE):
        yield Rewrite(answers, None)


def _in_place(home: Home, names: ClientNames) -> None:
    """Take the clients out of what others write to at the same time: logs, and recorded contacts."""
    for log in sorted(home.production.glob("*.log")):
        content = log.read_bytes()
        if (masked := names.masked(content)) != content:
            staging.overwrite(log, masked)
    recorded = home.outcomes / paths.RECORDED
    if recorded.is_file():
        with files.lock(home.outcomes / paths.RECORDED_LOCK):
            for rewrite in erased_reports.recorded(recorded, names):
                files.write(rewrite.path, rewrite.content or b"")


def _derive_again(home: Home) -> None:
    """Publish a version whose derived rows follow from what is left, where there are such rows."""
    if not home.schema.outcome.is_derived:
        return
    now = dataset.current(home.ingested, home.input_folder, home.schema).manifest
    if not now.counts:
        return
    shelf = Versions(home.ingested, home.production / paths.RELEASES, home.schema, home.max_final_rows)
    run = journal.next_run(home.journal)
    after = derived.with_derived(replace(now, counts={}), derived.given(now), home.schema, shelf.parts, run)
    shelf.follow(now, after)


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"
