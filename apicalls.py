"""Ask every endpoint of the service once and keep the answers.

Reads: the test data. Writes: apireturns.txt in the folder of the models.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from app import create_app
from risk import command, files, paths
from risk.errors import DataError
from risk.service import live, security
from risk.service.problems import Problem
from risk.service.requests import Contract
from risk.service.server import HttpServer
from risk.settings import Settings

if TYPE_CHECKING:
    import requests

TEST_ROWS = 20
CLASSIC = ("/scoring", "/summarystats", "/diagnostics")
OTHERS = ("/clients?limit=5", "/history", "/releases", "/report", "/health", "/")
PATIENCE = 3.0  # seconds that a running service has to notice what this run published


@dataclass(frozen=True)
class EndpointAnswer:
    """The answer of one endpoint; `value` is its JSON, or None where it answered a page or a file."""

    method: str
    path: str
    status: int
    phrase: str
    kind: str
    size: int
    value: Any


@dataclass(frozen=True)
class Calls:
    """Every answer, the address that gave them, and whether that service was started for these calls."""

    url: str
    own: bool
    file: Path
    answers: tuple[EndpointAnswer, ...] = field(repr=False)

    @property
    def failed(self) -> list[str]:
        """The requests that were answered with an error."""
        return [f"{it.method} {it.path}: {it.status}" for it in self.answers if it.status >= 400]


def call_api(settings: Settings, url: str | None = None) -> Calls:
    """Ask the service at `url`, else ours at the configured address, else one started on a free port.

    Writes apireturns.txt. Raises: DataError where the service at `url` does not answer.
    """
    import requests

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
    """The first clients of the test data as the service wants them; rows that it would refuse are left out."""
    contract = Contract(settings.schema, settings.schema.kinds)
    paths_read = sorted(settings.holdout.rglob("*.csv"))
    clients = itertools.chain.from_iterable(_clients_in(path, contract) for path in paths_read)
    return list(itertools.islice(clients, TEST_ROWS))


def _clients_in(path: Path, contract: Contract) -> Iterator[dict[str, Any]]:
    with (
        contextlib.suppress(OSError, csv.Error, UnicodeDecodeError),
        path.open(encoding="utf-8-sig", newline="") as file,
    ):
        for cells in csv.DictReader(file):
            with contextlib.suppress(Problem):
                yield contract.client_of(cells)


@contextlib.contextmanager
def _service(settings: Settings, session: requests.Session, url: str | None) -> Iterator[tuple[str, bool]]:
    """Yield an address that answers and whether the service was started for these calls."""
    session.trust_env = False  # neither a proxy nor .netrc stands between this machine and itself
    token = security.token_of(settings.server, settings.root)
    session.headers.update({"Authorization": f"Bearer {token}"} if token else {})
    configured = _configured(settings)
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


def _configured(settings: Settings) -> str:
    host = settings.server.host
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{settings.server.port}" if ":" in host else f"http://{host}:{settings.server.port}"


def _is_ours_and_current(settings: Settings, session: requests.Session, url: str) -> bool:
    """Whether a service of this installation answers there with what was published last.

    One of this installation is given the time to notice; any other, or none, is not waited for.
    """
    import requests

    folders = {"release": settings.production, "report": settings.models / paths.REPORTS}
    current = {name: files.resolve(folder / paths.CURRENT) for name, folder in folders.items()}
    expected = {name: folder.name if folder else None for name, folder in current.items()}
    expected |= {"instance": live.instance(settings.production)}
    patience = time.monotonic() + PATIENCE
    while time.monotonic() < patience:
        try:
            health = session.get(f"{url}/health", timeout=(0.3, 1.0), allow_redirects=False).json()
            found = {name: health[name] for name in expected}
        except (requests.RequestException, ValueError, KeyError, TypeError):
            return False
        if found == expected or found["instance"] != expected["instance"]:
            return found == expected
        time.sleep(live.PAUSE)
    return False


def _ask_all(session: requests.Session, url: str, rows: list[dict[str, Any]]) -> Iterator[EndpointAnswer]:
    """Ask one endpoint after the other, and for the first listed client by name."""
    yield _ask(session, "POST", url, "/prediction", {"clients": rows})
    for path in (*CLASSIC, *OTHERS):
        answer = _ask(session, "GET", url, path)
        yield answer
        listed = answer.value.get("clients") if isinstance(answer.value, dict) else None
        if listed:
            yield _ask(session, "GET", url, "/clients/" + quote(listed[0]["client"], safe=""))


def _ask(session: requests.Session, method: str, url: str, path: str, body: Any = None) -> EndpointAnswer:
    found = session.request(method, url + path, json=body, timeout=(2.0, 30.0), allow_redirects=False)
    kind = found.headers.get("Content-Type", "").partition(";")[0]
    value = found.json() if kind.endswith("json") else None
    return EndpointAnswer(method, path, found.status_code, found.reason, kind, len(found.content), value)


def _section(answer: EndpointAnswer) -> str:
    body = _pretty(answer.value) if answer.value is not None else f"({answer.kind}, {answer.size:,} bytes)"
    return f"{answer.method} {answer.path}\n{answer.status} {answer.phrase}\n{body}\n"


def _pretty(value: Any, margin: str = "\n") -> str:
    """Return JSON for people: indented, but a list of plain values stays on one line."""
    inner = margin + "  "
    if isinstance(value, dict) and value:
        lines = [f"{json.dumps(name, ensure_ascii=False)}: {_pretty(it, inner)}" for name, it in value.items()]
        return "{" + inner + f",{inner}".join(lines) + margin + "}"
    if isinstance(value, list) and any(isinstance(it, dict | list) for it in value):
        return "[" + inner + f",{inner}".join(_pretty(it, inner) for it in value) + margin + "]"
    return json.dumps(value, ensure_ascii=False)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="ask the service at this address instead")


def _work(settings: Settings, asked: argparse.Namespace) -> command.Answer:
    calls = call_api(settings, asked.url)
    line = f"{len(calls.answers)} answers, {len(calls.failed)} of them errors: {calls.file}"
    fields = {"url": calls.url, "own": calls.own, "file": str(calls.file), "failed": calls.failed}
    return command.Answer(line, fields | {"answers": len(calls.answers)}, exit_code=1 if calls.failed else 0)


if __name__ == "__main__":
    sys.exit(command.main(__doc__ or "", _work, options=_options))
