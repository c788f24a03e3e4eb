"""Predictions over HTTP beside a constant answer of the same server, and large bodies beside reading them unchecked."""

from __future__ import annotations

import importlib.util
import io
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from risk.modeling import families, fitting
from risk.service.live import Watch
from risk.service.predictions import LiveState, predicted
from risk.service.requests import RequestedRows
from risk.settings.settings import Settings
from tests.benchmarks.measure import ROOT, Table
from tests.installation import lay_out, publish, report

ROUNDS, SECONDS = 9, 0.2
MANY, N_CLIENTS, N_TRAINED = 10_000, 5_000, 3_000
LIST_ROWS, BATCH = 1_000_000, 65_536
HELLO = """
import sys, threading
from flask import Flask
from risk.service.server import HttpServer
app = Flask("hello")
app.add_url_rule("/prediction", view_func=lambda: {"hello": "world"}, methods=["POST"])
server = HttpServer(app, "127.0.0.1", 0)
print(f"serving on http://127.0.0.1:{server.port}/", flush=True)
server.run(threading.Event().is_set)
"""
Row = tuple[str, str, str, bool | None]


def bench() -> Table:
    """Measure one row, a hundred and ten thousand, of three columns and of twenty, of a regression and of trees."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        served = {
            (family, n): _installation(Path(scratch) / f"{family}{n}", family, n)
            for family in ("logistic", "boosting") for n in (3, 20)
        }  # fmt: skip
        hello = stack.enter_context(_server([sys.executable, "-c", HELLO]))
        rows: list[Row] = []
        for (family, n), settings in served.items():
            command = [sys.executable, str(ROOT / "app.py"), "--config", str(settings.source_file), "--port", "0"]
            with _server(command) as ours:
                rows += _over_http(family, n, hello, ours)
        for family in ("logistic", "boosting"):
            rows += _large(family, served[family, 3])
            rows.append(_ranking(family, served[family, 3]))
    return Table(
        "The service",
        "hello: the same server answers a constant; a request at a time on one connection, in turn, medians of "
        f"{ROUNDS} rounds. Trees: 100 of 16 leaves. Large bodies: CPU in the process, without the network; beside them "
        "a script that checks nothing (`msgspec.json.decode` or `pandas.read_csv`, a frame, `predict_proba`).",
        rows,
    )


# --- over HTTP --------------------------------------------------------------------------------------------------------


def _over_http(family: str, n_columns: int, hello: int, ours: int) -> list[Row]:
    goals = {("logistic", 1): 0.8, ("boosting", 1): 0.6, ("logistic", 100): 0.5, ("boosting", 100): 0.3}
    found: list[Row] = []
    for n_rows in (1, 100):
        body = _json(_table(n_columns, n_rows, seed=3))
        yard, rate = _rates([_request(body, "/prediction", hello), _request(body, "/prediction", ours)])
        share, goal = rate / yard, goals[family, n_rows] if n_columns == 3 else None
        what = f"{family}, {n_rows} row{'s' * (n_rows > 1)} of {n_columns} columns"
        said = f"{share:.2f} × hello ({rate:,.0f} of {yard:,.0f} requests/s, {rate * n_rows:,.0f} rows/s)"
        found.append((what, said, f"≥ {goal} × hello" if goal else "", share >= goal if goal else None))
        if n_rows == 1 and n_columns == 3 and importlib.util.find_spec("mlflow"):
            found.append(_beside_mlflow(family, rate))
    return found


def _rates(requests: list[tuple[int, bytes]]) -> list[float]:
    """Requests a second of each, asked in turn: what else the machine does falls on all of them."""
    rates: list[list[float]] = [[] for _ in requests]
    doors = [socket.create_connection(("127.0.0.1", port)) for port, _ in requests]
    for door in doors:
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(ROUNDS):
        for kept, door, (_, content) in zip(rates, doors, requests, strict=True):
            n_asked, started = 0, time.perf_counter()
            while time.perf_counter() - started < SECONDS:
                _ask(door, content)
                n_asked += 1
            kept.append(n_asked / (time.perf_counter() - started))
    for door in doors:
        door.close()
    return [statistics.median(it) for it in rates]


def _ask(door: socket.socket, content: bytes) -> None:
    door.sendall(content)
    answer = door.recv(65536)
    while b"\r\n\r\n" not in answer:
        answer += door.recv(65536)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), answer[:300]
    left = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) - len(body)
    while left > 0:
        left -= len(door.recv(65536))


def _request(body: bytes, path: str, port: int) -> tuple[int, bytes]:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return port, head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


@contextmanager
def _server(command: list[str]) -> Iterator[int]:
    """Give the port of a server that says where it serves."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        yield int(line.rstrip().rstrip("/").rpartition(":")[2])
    finally:
        process.terminate()
        process.wait(30)


def _beside_mlflow(family: str, rate: float) -> Row:
    """One row beside the scoring server of MLflow, which answers by the same kind of pipeline."""
    import mlflow.sklearn
    from mlflow.pyfunc import scoring_server

    x, left = _table(3, N_TRAINED), _left(_table(3, N_TRAINED))
    with tempfile.TemporaryDirectory() as scratch:
        mlflow.sklearn.save_model(_fitted(family, x, left), f"{scratch}/model", serialization_format="cloudpickle")
        code = f"""
import threading, mlflow.pyfunc
from mlflow.pyfunc import scoring_server
from starlette.testclient import TestClient  # noqa: F401
import uvicorn, socket
door = socket.create_server(("127.0.0.1", 0))
print("serving on http://127.0.0.1:%d/" % door.getsockname()[1], flush=True)
app = scoring_server.init(mlflow.pyfunc.load_model({scratch + "/model"!r}))
uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[door])
"""
        assert scoring_server
        with _server([sys.executable, "-c", code]) as port:
            time.sleep(5)
            body = json.dumps({"dataframe_records": x[:1].to_dict("records")}).encode()
            (theirs,) = _rates([_request(body, "/invocations", port)])
    return f"{family}, 1 row beside MLflow", f"{rate / theirs:.1f} ×", "≥ 8 ×", rate >= 8 * theirs


# --- large bodies -----------------------------------------------------------------------------------------------------


def _large(family: str, settings: Settings) -> list[Row]:
    watch = Watch(settings.production, settings.models, settings.schema)
    watch.poll()
    now, frame = watch.live, _table(3, MANY, seed=5)
    assert now.model
    estimator, names = now.model.estimator, list(settings.schema.kinds)
    text, body = frame.to_csv(index=False).encode(), _json(frame)
    pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "JSON": (
            lambda: _answer(now, body),
            lambda: estimator.predict_proba(pd.DataFrame(msgspec.json.decode(body))[names]),
        ),
        "CSV": (
            lambda: _answer(now, text, is_csv=True),
            lambda: estimator.predict_proba(pd.read_csv(io.BytesIO(text))[names]),
        ),
    }
    rows: list[Row] = []
    for kind, (ours, theirs) in pairs.items():
        mine, unchecked = _milliseconds([ours, theirs])
        said = f"{mine / unchecked:.2f} × ({mine:.0f} of {unchecked:.0f} ms)"
        rows.append((f"{family}, {MANY:,} rows as {kind}, beside unchecked", said, "≤ 1.3 ×", mine <= 1.3 * unchecked))
    return rows


def _answer(now: LiveState, body: bytes, *, is_csv: bool = False) -> bytes:
    assert now.contract
    asked = now.contract.read_csv(body) if is_csv else now.contract.read_json(body)
    assert isinstance(asked, RequestedRows)
    return msgspec.json.encode(predicted(now, asked))


def _milliseconds(works: list[Callable[[], Any]]) -> list[float]:
    """CPU milliseconds of each, in turn."""
    kept: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for one, work in zip(kept, works, strict=True):
            started = time.process_time()
            work()
            one.append(1_000 * (time.process_time() - started))
    return [statistics.median(it) for it in kept]


def _ranking(family: str, settings: Settings) -> Row:
    """The risks of very many clients beside the model's own answer in batches."""
    watch = Watch(settings.production, settings.models, settings.schema)
    watch.poll()
    model = watch.live.model
    assert model
    frame = _table(3, LIST_ROWS, seed=6)[list(settings.schema.kinds)]
    x = fitting.features(frame, settings.schema.kinds)
    starts = range(0, len(x), BATCH)
    batches = partial(lambda: [fitting.risks_of(model.estimator, x[it : it + BATCH]) for it in starts])
    mine, theirs = (
        min(it)
        for it in zip(*[_milliseconds_once([lambda: model.risks(frame), batches]) for _ in range(2)], strict=True)
    )
    assert (model.risks(frame) == np.concatenate(batches())).all()
    said = f"{mine / theirs:.2f} × ({mine / 1_000:.1f} of {theirs / 1_000:.1f} s), equal to 12 digits"
    return (
        f"{family}, {LIST_ROWS:,} clients to rank, beside the model in batches",
        said,
        "≤ 1.5 ×",
        mine <= 1.5 * theirs,
    )


def _milliseconds_once(works: list[Callable[[], Any]]) -> list[float]:
    found = []
    for work in works:
        started = time.process_time()
        work()
        found.append(1_000 * (time.process_time() - started))
    return found


# --- what is served ---------------------------------------------------------------------------------------------------


def _table(n_columns: int, n_rows: int, seed: int = 1) -> pd.DataFrame:
    """Clients with so many features: two of three are numbers, the others one of five levels."""
    draw = np.random.default_rng(seed)
    columns: dict[str, Any] = {"company": [f"c{n}" for n in range(n_rows)]}
    for number in range(n_columns):
        levels = [f"level {it}" for it in range(5)]
        numbers = draw.lognormal(4, 1, n_rows).round(2)
        columns[f"f{number}"] = draw.choice(levels, n_rows) if number % 3 == 2 else numbers
    return pd.DataFrame(columns)


def _left(x: pd.DataFrame) -> np.ndarray:
    noise = np.random.default_rng(2).logistic(size=len(x))
    return np.asarray(noise > np.log(x["f0"]) - 3 + (x["f2"] == "level 1")).astype(float)


def _fitted(family: str, x: pd.DataFrame, left: np.ndarray) -> Any:
    known = {it.name: it for it in families.KNOWN}[family]
    kinds = _kinds(len(x.columns) - 1)
    fitted = fitting.fit(known, kinds, fitting.features(x, kinds), left)
    return fitting.calibrated(fitted, fitting.Sigmoid(-1.1, 0.1)) if known.calibrated else fitted


def _kinds(n_columns: int) -> dict[str, str]:
    return {f"f{number}": "categorical" if number % 3 == 2 else "numeric" for number in range(n_columns)}


def _installation(root: Path, family: str, n_columns: int) -> Settings:
    root.mkdir()
    kinds = _kinds(n_columns)
    settings = lay_out(root, schema={"client": "company", "target": "left", "features": kinds})
    x = _table(n_columns, N_TRAINED)
    left = _left(x)
    publish(settings, "1-aa", _fitted(family, x, left), fitting.features(x, kinds), left, family=family)
    report(settings, "1", "1-aa", [(f"c{n}", 1 - n / N_CLIENTS) for n in range(N_CLIENTS)])
    return settings


def _json(frame: pd.DataFrame) -> bytes:
    return json.dumps(frame.to_dict("records")).encode()
