"""Everything that is ever shown, gathered once at the end of a run: page, PDF, API and console only read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from risk.disk.paths import PROGRAM
from risk.drift.finding import Scan
from risk.settings.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

    from risk.dataset.manifest import Entry, Manifest
    from risk.reading.reader import Refusal
    from risk.registry.model import Model

MOST_REFUSALS, MOST_RUNS = 20, 20


def identity(snapshot: Mapping[str, Any]) -> tuple[Any, ...]:
    """The run, day, outcome, dataset, release and settings of a snapshot on disk; None for what it lacks."""
    dataset, release = (it if isinstance(it, dict) else {} for it in (snapshot.get("dataset"), snapshot.get("release")))
    names = dataset.get("version"), release.get("name")
    return (snapshot.get("run"), snapshot.get("as_of"), snapshot.get("outcome"), *names, snapshot.get("settings"))


def of_dataset(manifest: Manifest) -> dict[str, Any]:
    """Return what is shown of the dataset and its sources."""
    contents = manifest.contents.values()
    present = [it for it in contents if it.newest_period]  # what lies in the future is told of its source alone
    periods = [period for it in present for period in (it.first_period, it.newest_period) if period]
    return {
        "version": manifest.name,
        "n_rows": manifest.counts.get("n_rows", 0),
        "n_labelled": manifest.counts.get("n_labelled", 0),
        "first_period": min(periods, default=None),
        "last_period": max(periods, default=None),
        "sources": [_source(entry) for entry in manifest.sources],
    }


def _source(entry: Entry) -> dict[str, Any]:
    counts = ("n_read", "n_accepted", "n_labelled")
    read, accepted, labelled = (sum(getattr(it, name) for it in entry.shown) for name in counts)
    return {
        **{name: getattr(entry, name) for name in ("path", "state", "reason")},
        "rows_read": read,
        "accepted": accepted,
        "refused": read - accepted,
        "duplicate": entry.n_duplicate,
        "labelled": labelled,
        **{name: getattr(entry.newest, name, None) for name in ("first_period", "last_period")},
    }


def of_release(
    model: Model | None, provisional: bool, forced: str | None = None, behind: str | None = None
) -> dict[str, Any] | None:
    """Return what is shown of the live release; `forced` is the reason of a person who overruled its verdict.

    `behind` is the release made for a change since, where a person went back.
    """
    if model is None:
        return None
    card = model.card
    shown = ("family", "threshold", "dataset", "n_rows", "base_rate", "size", "features", "run")
    told = {name: getattr(card, name) for name in shown}
    told |= {"leaks": [leak["column"] for leak in card.leaks], "forced": forced, "behind": behind}
    return {"name": model.name, "digest": model.digest, "provisional": provisional, **told}


def of_refusals(refusals: Sequence[tuple[str, Refusal]]) -> list[dict[str, Any]]:
    """The first refusals."""
    named = ("line", "column", "value", "reason", "expected")
    return [{"source": path} | {name: getattr(it, name) for name in named} for path, it in refusals[:MOST_REFUSALS]]


def of_history(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The last runs, the newest first."""
    kept = ("run", "at", "outcome", "verdict", "release", "seconds")
    return [
        {name: it.get(name) for name in kept}
        | {
            "reason": it.get("error") or it.get("sentence") or it.get("reason"),
            "f1": (it.get("scores") or {}).get("f1"),
            "steps": {step["name"]: step["seconds"] for step in it.get("steps") or ()},
            "scan": _clearest(Scan.from_dict(it.get("scan") or {})),
        }
        for it in records[::-1][:MOST_RUNS]
    ]


def _clearest(scan: Scan) -> dict[str, Any] | None:
    """Of the scan of a run the clearest window with an alarm, else the widest; and whether no level explains it."""
    if not scan.windows:
        return None
    rang = [it for it in scan.windows if it.rings]
    clearest = min(rang, key=lambda it: (it.p, -it.gain), default=scan.windows[-1])
    told = {name: clearest.as_dict()[name] for name in ("contents", "n_rows", "p", "gain")}
    return told | {"rings": bool(rang) and not scan.is_explained}


def of_schema(schema: Schema) -> dict[str, Any]:
    """Return what the columns mean."""
    named = ("client", "target", "period", "owner", "value", "currency", "renewal", "horizon")
    labels = {name: list(words) for name, words in schema.labels.items()}
    return {name: getattr(schema, name) for name in named} | {"features": dict(schema.kinds), "labels": labels}


def of_renewals(everyone: pd.DataFrame, schema: Schema) -> list[str | None] | None:
    """The day (ISO) of each client's renewal, in the order of the clients; None where the data does not tell."""
    days = everyone["renewal"].astype(object)
    return days.where(days.notna(), None).tolist() if schema.renewal else None


def of_backtest(made: dict[str, Any], manifest: Manifest) -> dict[str, Any] | None:
    """The backtest that was made last, if it is of this input folder and schema, and of this program."""
    wanted = {"input_folder": manifest.input_folder, "schema": manifest.schema, "program": PROGRAM}
    return made if wanted == {name: made.get(name) for name in wanted} else None


def overdue(expected: Mapping[str, Any] | None, now: float) -> str | None:
    """The sentence that warns of a feed that has stopped; `now` in seconds since 1970."""
    if expected is None or now <= expected["due"]:
        return None
    hours = (now - datetime.fromisoformat(expected["last_arrival"]).timestamp()) / 3600
    since = f"{hours:,.0f} hours" if hours < 72 else f"{hours / 24:,.0f} days"
    every = f"they are expected every {expected['every']}"
    return f"No new rows have come for {since}; {every}. Check the system that delivers the files."
