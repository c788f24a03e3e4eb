"""Ask every endpoint of the service once but the one that writes, check the answers by the description, keep them.

Reads: the test data, the name of the current release. Writes: apireturns.txt in the folder of the models.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import logging
import re
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from app import create_app
from risk import command
from risk.disk import files, paths
from risk.errors import DataError
from risk.reading import erased, plain
from risk.reading.refusals import Fault
from risk.service import checking, live, security
from risk.service.problems import Problem
from risk.service.requests import Contract
from risk.service.server import HttpServer
from risk.settings.settings import Settings
from risk.text import event

log = logging.getLogger("risk")

TEST_ROWS = 20
LIST = "/clients?limit=5"
ASKED = {
    "/scoring": "service.scoring", "/summarystats": "service.summary_statistics", "/diagnostics": "service.diagnostics",
    LIST: "clients.listing", "/clients.json?limit=5": "clients.listing", "/trackrecord": "clients.track_record",
    "/outcomes?limit=5": "contacts.listing", "/history": "service.history", "/releases": "service.releases",
    "/report": "downloads.report", "/calllist.csv": "downloads.calls_csv", "/calllist.xlsx": "downloads.call_sheet",
    "/health": "service.health", "/live": "service.alive", "/ready": "service.ready", "/": "pages.index",
    "/model": "pages.model", "/drift": "pages.drift", "/data": "pages.data", "/runs": "pages.runs",
    "/metrics": "metrics.shown", "/docs": "description.docs", "/openapi.json": "description.document",
}  # fmt: skip
PATIENCE, LONG_WAIT = 3.0, 10.0  # seconds that a running service has to notice what this run published, and to answer


@dataclass(frozen=True)
class ApiCall:
    """An answer, the seconds until it was whole, and what is wrong with it by the description."""

    answer: requests.Response
    seconds: float
    faults: tuple[str, ...]

    @property
    def name(self) -> str:
        """What was asked, without the name of a client."""
        return re.sub(" /clients/[^/]+", " /clients/<name>", _question(self.answer))


@dataclass(frozen=True)
class Calls:
    """Every call, the address that answered, and whether that service was started for these calls."""

    url: str
    own: bool
    file: Path
    each: tuple[ApiCall, ...] = field(repr=False)

    @property
    def failed(self) -> list[str]:
        """The requests that were answered with an error."""
        return [f"{_question(it.answer)}: {it.answer.status_code}" for it in self.each if not it.answer.ok]

    @property
    def faults(self) -> list[str]:
        """What is wrong with answers, each with its request."""
        return [f"{it.name}: {fault}" for it in self.each for fault in it.faults]

    @property
    def sentence(self) -> str:
        """How the calls went."""
        slowest = max(self.each, key=lambda it: it.seconds)
        said = f"{len(self.each)} answers, {len(self.failed)} of them errors, {len(self.faults)} faults: {self.file}"
        first = f"; first fault: {self.faults[0]}" if self.faults else ""
        return f"{said}; the slowest, {slowest.name}, took {slowest.seconds:.3f} s{first}"


def call_api(settings: Settings, url: str | None = None) -> Calls:
    """Ask the service at `url`, else ours at the configured address, else one started on a free port.

    Writes apireturns.txt. Raises: DataError where `url` is no address, or the service there does not answer.
    """
    if url and not url.startswith(("http://", "https://")):
        raise DataError(f"{url}: this is no address; expected http://HOST:PORT, or https://")
    with requests.Session() as session, _service(settings, session, url) as (address, own):
        try:
            each = tuple(_ask_all(session, address, holdout_clients(settings), _current(settings.production)))
        except requests.RequestException as error:
            raise DataError(f"{address}: no answer ({type(error).__name__}); start the service: app.py") from error
    path = settings.models / paths.API_RETURNS
    files.write(path, "\n".join(map(_section, each)).encode())
    calls = Calls(address, own, path, each)
    if calls.faults:
        log.warning(event("API calls", faults=len(calls.faults), first=calls.faults[0], file=path))
    return calls


def holdout_clients(settings: Settings) -> list[dict[str, Any]]:
    """The first clients of the test data as the service wants them; rows that it would refuse are left out.

    Erased clients are, too: apireturns.txt is kept.
    """
    contract, clients = Contract(settings.schema, settings.schema.kinds), list[dict[str, Any]]()
    gone = erased.read(settings.production)
    for path in sorted(it for it in settings.holdout.rglob("*") if paths.kind_of(it.name)):
        with contextlib.suppress(OSError, csv.Error, UnicodeDecodeError, Fault):
            text = plain.as_csv(path, path.name, settings.schema, settings.size_cap, is_sample=True).decode("utf-8-sig")
            for cells in csv.DictReader(io.StringIO(text.lstrip("\n"), newline="")):
                if len(clients) == TEST_ROWS:
                    return clients
                if gone and gone.holds(str(cells.get(settings.schema.client) or "").strip(" ")):
                    continue
                with contextlib.suppress(Problem):
                    clients.append(contract.client_of(cells))
    return clients


@contextlib.contextmanager
def _service(settings: Settings, session: requests.Session, url: str | None) -> Iterator[tuple[str, bool]]:
    """Yield an address that answers and whether the service was started for these calls."""
    session.trust_env = False  # neither a proxy nor .netrc stands between this machine and itself
    token = security.token_of(settings.server, settings.root)
    session.headers.update({"Authorization": f"Bearer {token}"} if token else {})
    session.headers["Accept-Encoding"] = "identity"  # so the size that is declared is that of the content
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.server.host, settings.server.host)
    configured = f"http://{f'[{host}]' if ':' in host else host}:{settings.server.port}"
    if url is not None or _is_ours_and_current(settings, session, configured):
        yield (url or configured).rstrip("/"), False
        return
    ended, app = threading.Event(), create_app(settings, "127.0.0.1")
    server = HttpServer(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=(ended.is_set,), name="own service")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}", True
    finally:
        ended.set()
        thread.join()
        app.extensions["rooms"].watch.stop()


def _is_ours_and_current(settings: Settings, session: requests.Session, url: str) -> bool:
    """Whether a service of this installation answers there with what was published last.

    One of this installation is given the time to notice; any other, or none, is not waited for.
    """
    expected = {"instance": live.instance(settings.production), "release": _current(settings.production)}
    expected["report"] = _current(settings.models / paths.REPORTS)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            health = session.get(f"{url}/health", timeout=(0.3, LONG_WAIT), allow_redirects=False).json()
            shown = {name: health[name] for name in expected}
        except (requests.RequestException, ValueError, KeyError, TypeError):
            return False
        if shown == expected or shown["instance"] != expected["instance"] or time.monotonic() > end:
            return shown == expected
        time.sleep(live.PAUSE)


def _ask_all(session: requests.Session, url: str, rows: list[dict[str, Any]], release: str | None) -> Iterator[ApiCall]:
    """Ask one endpoint after the other, and for what answers name; `release` is what production holds."""
    ask = partial(_call, session)
    call = ask("service.prediction", "POST", f"{url}/prediction", json={"clients": rows})
    lengths = checking.counted(call.answer.content, len(rows)) if call.answer.ok else ()
    yield replace(call, faults=(*call.faults, *lengths))
    waiting = list(ASKED.items())
    while waiting:
        path, endpoint = waiting.pop(0)
        call = ask(endpoint, "GET", url + path)
        others = checking.other_release(call.answer.content, release) if path == "/health" else ()
        yield replace(call, faults=(*call.faults, *others))
        if call.answer.ok and not call.faults:
            waiting = [*_named_in(path, endpoint, call.answer, release), *waiting]


def _named_in(path: str, endpoint: str, answer: requests.Response, release: str | None) -> Iterator[tuple[str, str]]:
    """What this answer names that can be asked for: the first client and its history, the release, a picture."""
    if path == LIST and (listed := answer.json()["clients"]):
        yield f"/clients/{quote(listed[0]['client'], safe='')}", "clients.client"
    if endpoint == "clients.client" and answer.json()["history"]:
        yield f"{path}/history", "clients.history"
    if path == "/releases" and release:
        yield f"/releases/{release}/card", "downloads.card"
    if path == "/model" and (picture := re.search(r'src="(/figures/[^"]+)"', answer.text)):
        yield picture[1], "pages.figure"


def _call(session: requests.Session, endpoint: str, method: str, url: str, **more: Any) -> ApiCall:
    start = time.perf_counter()
    answer = session.request(method, url, timeout=(2.0, 30.0), allow_redirects=False, **more)
    seconds = time.perf_counter() - start
    faults = checking.faults(endpoint, answer.status_code, answer.headers, answer.content)
    return ApiCall(answer, seconds, tuple(faults))


def _current(folder: Path) -> str | None:
    found = files.resolve(folder / paths.CURRENT)
    return found.name if found else None


def _question(answer: requests.Response) -> str:
    return f"{answer.request.method} {answer.request.path_url}"


def _section(call: ApiCall) -> str:
    answer, kind = call.answer, call.answer.headers.get("Content-Type", "").partition(";")[0]
    size = f"{len(answer.content):,} bytes"
    body = f"({kind}, {size})"
    if kind.endswith("json") and answer.request.path_url != "/openapi.json":  # that is long
        with contextlib.suppress(ValueError):
            body = json.dumps(answer.json(), indent=2, ensure_ascii=False)
    told = "".join(f"fault: {it}\n" for it in call.faults)
    return f"{_question(answer)}\n{answer.status_code} {answer.reason}, {size}, {call.seconds:.3f} s\n{told}{body}\n"


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="ask the service at this address instead")


def _work(settings: Settings, asked: argparse.Namespace) -> command.Answer:
    calls = call_api(settings, asked.url)
    fields: dict[str, Any] = {name: getattr(calls, name) for name in ("url", "own", "failed", "faults")}
    seconds = {it.name: round(it.seconds, 4) for it in calls.each}
    fields |= {"file": str(calls.file), "answers": len(calls.each), "seconds": seconds}
    return command.Answer(calls.sentence, fields, exit_code=1 if calls.failed or calls.faults else 0)


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work, options=_options))
