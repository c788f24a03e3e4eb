"""A whole installation in a folder: settings, test data, a real release and a report set, as the runs leave them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from risk.disk import files, journal, paths
from risk.modeling import families, fitting, selection
from risk.modeling.metrics import Floats
from risk.modeling.reference import reference
from risk.registry import audit, model, releases
from risk.settings.settings import Settings, load

HOSTILE = "<script>alert('x')</script>"
KINDS = {"activity": "numeric", "size": "numeric", "sector": "categorical"}
SCHEMA = {
    "client": "company", "target": "left", "period": "month", "owner": "owner", "value": "value",
    "features": {"activity": {"minimum": 0}, "size": "numeric", "sector": "categorical"}, "missing": ["n/a"],
}  # fmt: skip
FIVE = {
    "input_folder_path": "sourcedata", "output_folder_path": "ingesteddata", "test_data_path": "testdata",
    "output_model_path": "models", "prod_deployment_path": "production_deployment",
}  # fmt: skip


def lay_out(root: Path, **sections: Any) -> Settings:
    """Make the folders, the settings and thirty rows of test data; nothing is deployed."""
    for name in ("sourcedata", "testdata", "practicedata"):
        (root / name).mkdir(parents=True)
    (root / "config.json").write_text(json.dumps(FIVE | {"schema": SCHEMA} | sections))
    lines = [f"c{n},2026-08,Ann,{n},{n * 2},retail,100.5,0" for n in range(30)]
    text = "company,month,owner,activity,size,sector,value,left\n" + "\n".join(lines) + "\n"
    (root / "testdata" / "testdata.csv").write_text(text)
    return load(root / "config.json")


def deploy(settings: Settings, name: str, threshold: float = 0.4, *, with_reference: bool = False) -> Path:
    """Publish a fitted model as the current release; its card may know of its rows."""
    rng = np.random.default_rng(1)
    x = pd.DataFrame({"activity": rng.integers(0, 100, 300) * 1.0, "size": rng.integers(1, 50, 300) * 1.0})
    x["sector"] = rng.choice(["retail", "bank"], 300)
    left = (x["activity"].to_numpy() + rng.normal(0, 10, 300) < 30).astype(float)
    x.loc[::20, "size"] = np.nan
    fitted = fitting.fit(families.KNOWN[0], KINDS, fitting.features(x, KINDS), left)
    x = fitting.features(x, KINDS)
    return publish(settings, name, fitted, x, left, threshold=threshold, with_reference=with_reference)


def publish(
    settings: Settings, name: str, fitted: Any, x: pd.DataFrame, left: Floats, *, family: str = "logistic",
    threshold: float = 0.4, with_reference: bool = False,
) -> Path:  # fmt: skip
    """Publish an estimator, fitted on these rows of the features of the settings, as the current release."""
    kinds, risks = settings.schema.kinds, fitting.risks_of(fitted, x)
    made = selection.Challenger(fitted, family, "all rows", risks, threshold, left >= 0, (), risks, risks)
    content = model.pack(made, x, left)
    card = {"sha256": files.digest(content), "family": family, "learned": "all rows", "features": dict(kinds)}
    card |= {"target": "left", "horizon": "the next month", "threshold": threshold, "dataset": "1-ab", "schema": "s"}
    card |= {"run": 1, "reason": "nothing is deployed", "n_rows": len(x), "base_rate": 0.3, "scores": {}}
    if with_reference:
        card |= {"schema": settings.schema.identity, "reference": reference_of(x, kinds, left, risks)}
    blank = {"str": "", "int": 0, "float": 0.0}
    card = {one.name: card.get(one.name, blank.get(str(one.type), {})) for one in fields(model.Card)}
    papers = {paths.MODEL: content, paths.CARD: files.as_json(card)}
    shelf = settings.production / paths.RELEASES
    told = {"release": name, "action": "deploy", "model": files.digest(content), "papers": audit.digests(papers)}
    files.make_folder(settings.production)
    journal.append(settings.production / paths.JOURNAL, {"kind": releases.INTENT} | told)
    folder = files.publish(shelf, name, papers, settings.production / paths.CURRENT)
    journal.append(settings.production / paths.JOURNAL, {"kind": releases.DONE, "release": name})
    return folder


def reference_of(x: pd.DataFrame, kinds: Any, left: Any, risks: Any) -> dict[str, Any]:
    return reference({name: x[name].to_numpy() for name in kinds}, kinds, left, risks).as_dict()


def report(
    settings: Settings, number: str, release: str | None, clients: list[tuple[str, float]] | None = None, *,
    shown: dict[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Publish a report set of a release, with these clients in order of risk; `shown` stands for the snapshot."""
    listed = [("acme, inc.", 0.9), (HOSTILE, 0.7), ("'=1+1", 0.4), ("zeta//one", 0.1)] if clients is None else clients
    rows = [[rank, name, risk, int(risk >= 0.4), "Ann", 10.5, "2026-08"] for rank, (name, risk) in enumerate(listed, 1)]
    sheet = io.StringIO()
    header = ["rank", "client", "risk", "prediction", "owner", "value", "period"]
    csv.writer(sheet, lineterminator="\n").writerows([header, *rows])
    papers: dict[str, files.Content] = {paths.CLIENT_RISKS: sheet.getvalue().encode()}
    papers |= {
        paths.SNAPSHOT: files.as_json(snapshot(release, listed) if shown is None else shown),
        paths.REPORT: b"%PDF-1.4 test %%EOF",
    }
    shelf = settings.models / paths.REPORTS
    return files.publish(shelf, number, papers, shelf / paths.CURRENT)


def snapshot(release: str | None, listed: list[tuple[str, float]]) -> dict[str, Any]:
    """Return what a run gathers: every key, with plain figures."""
    calls = [
        {"rank": rank, "client": name.removeprefix("'"), "risk": risk, "prediction": int(risk >= 0.4), "owner": "Ann",
         "value": 10.5, "value_at_risk": 9.45, "period": "2026-08", "reasons": ["activity 3 (typical 120)"]}
        for rank, (name, risk) in enumerate(listed[:2], 1)
    ]  # fmt: skip
    source = {
        "path": "clients_2026-01.csv",
        "state": "in",
        "reason": None,
        "rows_read": 30,
        "accepted": 29,
        "refused": 1,
    }
    source |= {"duplicate": 0, "labelled": 29, "first_period": "2026-01", "last_period": "2026-01"}
    released = {"name": release, "digest": "ab", "provisional": False, "family": "logistic", "threshold": 0.4}
    released |= {"dataset": "1-ab", "n_rows": 300, "base_rate": 0.3, "features": KINDS, "run": 1}
    scores = {"f1": 0.61, "f1_interval": [0.58, 0.64], "auc": 0.8, "auc_interval": None, "log_loss": 0.4}
    scores |= {
        "log_loss_interval": None,
        "brier": 0.1,
        "brier_interval": None,
        "capture": 0.35,
        "capture_interval": None,
    }
    scores |= {"capture_k": 12, "n_rows": 120, "n_leavers": 25, "scored_on": "held-out clients"}
    scores |= {
        "confusion": {"tp": 15, "fp": 9, "fn": 10, "tn": 86},
        "calibration": [{"risk": 0.05, "share": 0.06, "n_rows": 60}],
    }
    run = {"run": 1, "at": "2026-11-21T09:41:53Z", "outcome": "deployed", "verdict": None, "reason": "the first model"}
    run |= {"release": release, "f1": 0.61, "seconds": 9.1}
    figures = {"mean": 1.0, "median": 1.0, "standard_deviation": 0.5}
    package = {"name": "pandas", "required": "3.1.1", "installed": "3.1.1", "newest": None, "up_to_date": None}
    return {
        "run": 1, "made_at": "2026-11-21T09:41:53Z", "outcome": "deployed", "verdict": None,
        "reason": "the first model beats the base rate", "instance": "0" * 16, "program": "1.0.0",
        "dataset": {"version": "1-ab", "n_rows": 29, "n_labelled": 29, "n_clients": 4, "first_period": "2026-01",
                    "last_period": "2026-01", "sources": [source]},
        "release": released if release else None, "scores": scores if release else None,
        "decision": {"reason_to_train": "nothing is deployed", "scan": None, "gate": None, "sentence": "deployed"},
        "statistics": {"n_rows": 29, "columns": {"activity": figures, "size": figures}},
        "missing_percent": {"activity": 0.0, "size": 5.0, "sector": 0.0},
        "seconds": {name: {"last": 0.5, "median": 0.4} for name in ("ingestion", "training", "scoring")},
        "steps": [{"name": "ingestion", "seconds": 0.5}],
        "dependencies": {"checked_on": None, "packages": [package]},
        "clients": len(listed), "capacity": {"calls_per_week": 50, "per": "all"}, "call_list": calls,
        "expected_leavers": None,
        "money": {"currency": "€", "listed": 16.8, "everyone": 22.0, "owners": [{"owner": "Ann", "at_risk": 22.0}]},
        "rejected_rows": 1, "held": [], "warnings": [], "history": [run],
        "refusals": [{"source": "clients_2026-01.csv", "line": 7, "column": "activity", "value": HOSTILE,
                      "reason": "is not a number", "expected": "a number of at least 0"}],
        "schema": {"client": "company", "target": "left", "period": "month", "owner": "owner", "value": "value",
                   "horizon": "the next month", "features": KINDS},
    }  # fmt: skip
