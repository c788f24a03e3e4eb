"""A client that a public generator makes of /openapi.json works without a line of ours."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from tests.installation import HOSTILE, deploy, lay_out, report
from tests.service.test_server import serving

PAGE = (Path(__file__).parents[2] / "docs/how-to/use-the-api.md").read_text().split("The generator says")[1]
GENERATOR = Path(sys.executable).with_name("openapi-python-client")

pytestmark = pytest.mark.extras


def test_a_generated_client_asks_and_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = lay_out(tmp_path / "root")
    deploy(settings, "1-aa", with_reference=True)
    report(settings, "1", "1-aa")
    app = create_app(settings)
    (tmp_path / "openapi.json").write_bytes(app.test_client().get("/openapi.json").data)
    words = [GENERATOR, "generate", "--path", tmp_path / "openapi.json", "--meta", "none"]

    said = subprocess.run([*words, "--output-path", tmp_path / "churn_client"], capture_output=True, text=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = asked(app)

    app.extensions["rooms"].watch.stop()
    assert said.returncode == 0, said.stdout
    assert "Unable to" not in said.stdout + said.stderr
    left_out = set(re.findall(r"WARNING parsing \w+ (\S+) within", said.stderr))
    assert left_out == {"/prediction", "/calllist.xlsx", "/figures/{name}", "/report"}
    assert all(f"`{it.replace('{name}', '<name>')}`" in PAGE for it in left_out)
    assert (found[0].predictions, found[0].clients, found[0].bands[0].value) == ([1], ["acme"], "very high")
    assert [it.client for it in found[1].clients] == ["acme, inc.", HOSTILE]
    assert (found[2].status, found[2].field) == (422, "activity")
    assert (found[3].recorded.client, found[3].recorded.result) == ("zeta//one", "stays")
    assert [it.client for it in found[4].clients] == ["zeta//one"] == [it.client for it in found[5].clients]


def asked(app: Any) -> tuple[Any, ...]:
    """A prediction, clients of the list, a refusal and a contact, as the generated client gives them."""
    made = importlib.import_module("churn_client")
    for module in pkgutil.walk_packages(made.__path__, "churn_client."):
        importlib.import_module(module.name)
    models = importlib.import_module("churn_client.models")
    prediction = importlib.import_module("churn_client.api.predictions.prediction")
    listing = importlib.import_module("churn_client.api.clients.clients_listing_json")
    recording = importlib.import_module("churn_client.api.contacts.contacts_recording")
    contact = models.Recording(client="zeta//one", result=models.RecordingResult.STAYS)
    figures = models.ClientFigures(activity=3, size=10, sector="bank", company="acme")
    with serving(app) as port, made.Client(base_url=f"http://127.0.0.1:{port}") as client:
        return (
            prediction.sync(client=client, body=models.ByClients(clients=[figures])),
            listing.sync(client=client, limit=2),
            prediction.sync(client=client, body=models.ClientFigures(activity=-1, size=10, sector="bank")),
            recording.sync(client=client, body=contact),
            listing.sync(client=client, limit=3, page=2),
            listing.sync(client=client, offset=3),
        )
