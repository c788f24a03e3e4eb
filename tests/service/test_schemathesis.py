"""Every answer to what schemathesis makes up is one that the description promises: all its checks, the same draws."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app import create_app
from risk.disk import paths
from risk.settings.settings import Settings
from tests.installation import deploy, lay_out, report, snapshot
from tests.service.test_server import serving

ST = Path(sys.executable).with_name("st")
LISTED = [("acme, inc.", 0.9), ("zeta//one", 0.1)]
GRADE = {
    "as_of": "2026-07-01", "replayed": False, "n_listed": 1, "n_clients": 2, "n_known": 2, "n_left": 1,
    "listed_known": 1, "listed_left": 1, "listed_treated": 0, "untreated_left": 1, "untreated_share_caught": None,
    "share_caught": 1.0, "random_share": 0.5, "simple_share": None, "expected": 0.9, "expected_low": 0,
    "expected_high": 1, "complete": True, "simple_rule": None,
}  # fmt: skip
LEAVER = {"client": "c", "period": None, "said": [{"as_of": "2026-07-01", "rank": 1, "risk": 0.9, "on_list": True}]}
RECORD = {
    "lists": [GRADE], "leavers": [LEAVER | {"warned": True}], "n_leavers": 1, "n_unwarned": 0,
    "lead_days_median": 30.0, "broken": [], "sentence": "Of the 1 on the list of 1 July 2026, 1 left.",
}  # fmt: skip


def whole(root: Path, **sections: Any) -> Settings:
    """An installation that answers every endpoint."""
    settings = lay_out(root, **sections)
    (deploy(settings, "1-aa", with_reference=True) / paths.MODEL_CARD).write_text("# Model card")
    folder = report(settings, "1", "1-aa", LISTED, shown=snapshot("1-aa", LISTED) | {"track_record": RECORD})
    (folder / paths.CALL_LIST).write_bytes(b"rank,client\n")
    (folder / paths.CALL_LIST_EXCEL).write_bytes(b"PK in a test")
    return settings


@pytest.mark.slow
def test_the_service_does_what_its_description_says(tmp_path: Path) -> None:
    app = create_app(whole(tmp_path))
    with serving(app) as port:
        url = f"http://127.0.0.1:{port}/openapi.json"
        words = [ST, "--config-file", Path(__file__).with_name("schemathesis.toml"), "run", url]
        words += ["--generation-deterministic", "--max-examples=12", "--no-color", "--wait-for-schema=30"]
        said = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)

    app.extensions["rooms"].watch.stop()
    assert said.returncode == 0, said.stdout[-5000:]
    generated, passed = map(int, re.findall(r"(\d+) generated, (\d+) passed", said.stdout)[0])
    assert generated == passed >= 1_000
