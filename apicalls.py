"""Ask every endpoint of the service once and keep the answers.

Reads: the test data. Writes: apireturns.txt in the folder of the models.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from app import create_app
from risk import command, files, paths
from risk.errors import DataError
from risk.reading import erased, plain
from risk.reading.refusals import Fault
from risk.service import live, security
from risk.service.problems import Problem
from risk.service.requests import Contract
from risk.service.server import HttpServer
from risk.settings.settings import Settings

TEST_ROWS = 20
LIST = "/clients?limit=5"
ASKED = ("/scoring", "/summarystats", "/diagnostics", LIST, "/history", "/releases", "/report", "/health", "/")
PATIENCE = 3.0  # seconds that a running service has to notice what this run published


@dataclass(frozen=True)
class Calls:
    """Every answer, the address that gave them, and whether that service was started for these calls."""

    url: str
    own: bool
    file: Path
    answers: tuple[requests.Response, ...] = field(repr=False)

    @property
    def failed(self) -> list[str]:
        """The requests that were answered with an error."""
        return [f"{_question(answer)}: {answer.status_code}" for answer in self.answers if not answer.ok]


def call_api(settings: Settings, url: str | None = None) -> Calls:
    """Ask the service at `url`, else ours at the configured address, else one started on a free port.

    Writes apireturns.txt. Raises: DataError where the service at `url` does not answer.
    """
    with requests.Session() as session, _service(settings, session, url) as (address, own):
        try:
            answers = tuple(_ask_all(session, address, holdout_clients(settings)))
        except requests.RequestException as error:
            raise DataError(
                f"{address}: the service does not answer ({type(error).__name__}); start it: app.py"
            ) from error
    path = settings.models / paths.API_RETURNS
    files.write(path, "\n".join(_section(answer) for answer in answers).encode())
    return Calls(address, own, path, answers)


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
    expected: dict[str, str | None] = {"instance": live.instance(settings.production)}
    for name, folder in (("release", settings.production), ("report", settings.models / paths.REPORTS)):
        current = files.resolve(folder / paths.CURRENT)
        expected[name] = current.name if current else None
    end = time.monotonic() + PATIENCE
    while True:
        try:
            health = session.get(f"{url}/health", timeout=(0.3, 1.0), allow_redirects=False).json()
            shown = {name: health[name] for name in expected}
        except (requests.RequestException, ValueError, KeyError, TypeError):
            return False
        if shown == expected or shown["instance"] != expected["instance"] or time.monotonic() > end:
            return shown == expected
        time.sleep(live.PAUSE)


def _ask_all(session: requests.Session, url: str, rows: list[dict[str, Any]]) -> Iterator[requests.Response]:
    """Ask one endpoint after the other, and for the first listed client by name."""
    ask = partial(session.request, timeout=(2.0, 30.0), allow_redirects=False)
    yield ask("POST", f"{url}/prediction", json={"clients": rows})
    for path in ASKED:
        answer = ask("GET", url + path)
        yield answer
        if path == LIST and answer.ok and (listed := answer.json()["clients"]):
            yield ask("GET", f"{url}/clients/{quote(listed[0]['client'], safe='')}")


def _question(answer: requests.Response) -> str:
    return f"{answer.request.method} {answer.request.path_url}"


def _section(answer: requests.Response) -> str:
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    body = f"({kind}, {len(answer.content):,} bytes)"
    if kind.endswith("json"):
        body = json.dumps(answer.json(), indent=2, ensure_ascii=False)
    return f"{_question(answer)}\n{answer.status_code} {answer.reason}\n{body}\n"


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="ask the service at this address instead")


def _work(settings: Settings, asked: argparse.Namespace) -> command.Answer:
    calls = call_api(settings, asked.url)
    line = f"{len(calls.answers)} answers, {len(calls.failed)} of them errors: {calls.file}"
    fields = {"url": calls.url, "own": calls.own, "file": str(calls.file), "failed": calls.failed}
    return command.Answer(line, fields | {"answers": len(calls.answers)}, exit_code=1 if calls.failed else 0)


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work, options=_options))
