"""GET /metrics: how the service and its installation stand, for Prometheus; read from memory, never computed.

What a process counted carries its `worker`: of several processes each answers for itself alone.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response

from risk.disk import journal, paths
from risk.service.live import Watch
from risk.service.predictions import LiveState
from risk.service.traffic import BUCKETS, Traffic

if TYPE_CHECKING:
    from prometheus_client import Metric

KIND = "text/plain; version=0.0.4; charset=utf-8"


def blueprint(traffic: Traffic, watch: Watch, production: Path, faults: Callable[[], tuple[str, ...]]) -> Blueprint:
    """The endpoint; `faults` answers what /health says is wrong."""
    metrics = Blueprint("metrics", __name__)

    @metrics.get("/metrics")
    def shown() -> Response:
        """Return the figures of this process and of what is live, in the text format of Prometheus."""
        looked = None
        with contextlib.suppress(OSError):
            looked = os.stat(production / paths.LOCK).st_mtime
        return Response(exposition(traffic, watch.live, faults(), looked, time.time()), content_type=KIND)

    return metrics


def exposition(traffic: Traffic, now: LiveState, faults: tuple[str, ...], looked: float | None, moment: float) -> bytes:
    """All figures as text; `looked` is when a run last touched its lock, both in seconds since 1970."""
    from prometheus_client import CollectorRegistry, generate_latest  # nobody pays for it but who asks

    class Collected:
        def collect(self) -> Iterator[Metric]:
            yield from _of_process(traffic)
            yield from _of_installation(now, faults, looked, moment)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collected())
    return generate_latest(registry)


def _of_process(traffic: Traffic) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    worker = str(os.getpid())
    traffic.count()
    with traffic.lock:
        kinds, rows = dict(traffic.kinds), traffic.rows
        times = {route: list(found) for route, found in traffic.times.items()}
    labels = ("worker", "endpoint", "method", "status")
    requests = CounterMetricFamily("risk_requests", "Requests answered.", labels=labels)
    for kind, n_requests in sorted(kinds.items()):
        requests.add_metric([worker, *kind], n_requests)
    yield requests
    took = HistogramMetricFamily("risk_request_seconds", "Time until an answer was made.", labels=labels[:2])
    for route, (*counts, seconds) in sorted(times.items()):
        bounds = [*map(str, BUCKETS), "+Inf"]
        took.add_metric([worker, route], [*zip(bounds, accumulate(counts), strict=True)], seconds)
    yield took
    predicted = CounterMetricFamily("risk_predicted_rows", "Clients predicted.", labels=["worker"])
    predicted.add_metric([worker], rows)
    yield predicted


def _of_installation(now: LiveState, faults: tuple[str, ...], looked: float | None, moment: float) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

    if now.model:
        yield InfoMetricFamily("risk_release", "The live release.", {"release": now.model.name})
    if now.last_run:
        yield InfoMetricFamily("risk_last_run", "How the last run ended.", {"outcome": str(now.last_run["outcome"])})
    for name, (told, figure) in _figures(now, faults, looked, moment).items():
        if figure is not None:
            yield GaugeMetricFamily(f"risk_{name}", told, figure)


def _figures(
    now: LiveState, faults: tuple[str, ...], looked: float | None, moment: float
) -> dict[str, tuple[str, float | None]]:
    """Each figure with what it is; None where nobody knows it."""
    compiled = None if now.model is None else not isinstance(now.model.compiled, str)
    failed = now.last_run["outcome"] == journal.FAILED if now.last_run else None
    return {
        "ready": ("Whether predictions can be answered.", float(now.model is not None)),
        "faults": ("What is wrong, as /health says.", len(faults)),
        "model_compiled": ("Whether the compiled form answers.", compiled if compiled is None else float(compiled)),
        "last_run_failed": ("Whether the last run failed.", failed if failed is None else float(failed)),
        "last_run_age_seconds": ("Age of the last run that did something.", _age(now.last_run, "at", moment)),
        "last_good_run_age_seconds": ("Age of the last run that did not fail.", _age(now.last_good, "at", moment)),
        "last_look_age_seconds": ("Age of the last look for new data.", None if looked is None else moment - looked),
    } | (_of_report(now.shown.snapshot, moment) if now.shown else {})


def _of_report(snapshot: Mapping[str, Any], moment: float) -> dict[str, tuple[str, float | None]]:
    sources = (snapshot.get("dataset") or {}).get("sources") or []
    held = [it for it in sources if it.get("state") == "held"]
    scan: Mapping[str, Any] = next((it["scan"] for it in snapshot.get("history") or () if it.get("scan")), {})
    return {
        "report_age_seconds": ("Age of the newest report.", _age(snapshot, "made_at", moment)),
        "attention": ("What needs a person.", len(snapshot.get("attention") or ())),
        "drift_alert": ("Whether the last check for drift gave an alert.", float(bool(scan.get("rings")))),
        "quarantined_sources": ("Sources held back until a person looks.", len(held)),
        "quarantined_rows": ("Rows of sources held back.", sum(it.get("rows_read") or 0 for it in held)),
        "rejected_rows": ("Rows refused.", snapshot.get("rejected_rows")),
        "dataset_rows": ("All rows, with an outcome or not.", (snapshot.get("dataset") or {}).get("n_rows")),
        "clients": ("Current clients.", snapshot.get("clients")),
        "call_list_size": ("Clients on the call list.", len(snapshot.get("call_list") or ())),
    }


def _age(told: Mapping[str, Any] | None, key: str, moment: float) -> float | None:
    """Seconds since a time (ISO) that is told under a key."""
    found = told.get(key) if told else None
    return moment - datetime.fromisoformat(found).timestamp() if found else None
