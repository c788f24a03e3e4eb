"""The pictures of the README: the shipped data after its first run, as a browser shows it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

import fullprocess
from app import create_app
from risk.disk import paths
from risk.settings.settings import load
from tests.service.test_server import serving

ROOT = Path(__file__).resolve().parents[1]
SIZE = {"width": 1200, "height": 760}


def make(root: Path) -> None:
    """Run the shipped data in a folder of its own and picture the list and its first client."""
    shutil.copy(ROOT / paths.CONFIG, root)
    for folder in ("sourcedata", "testdata", "practicedata", "outcomes"):
        shutil.copytree(ROOT / folder, root / folder)
    fullprocess.main(["--config", str(root / paths.CONFIG)])
    app, images = create_app(load(root / paths.CONFIG)), ROOT / "docs" / "images"
    with serving(app) as port, sync_playwright() as started:
        chromium = shutil.which("chromium")
        browser = started.chromium.launch(executable_path=chromium, chromium_sandbox=os.geteuid() != 0)
        page = browser.new_page(viewport=SIZE, locale="en-GB", base_url=f"http://127.0.0.1:{port}")
        page.goto("/", wait_until="networkidle")
        page.screenshot(path=images / "page.png")
        page.locator("th a").first.click()
        field = page.locator(".what-if input").first
        field.fill(str(20 + int(float(field.input_value() or 0))))
        page.locator(".what-if .answer strong").wait_for()
        page.screenshot(path=images / "client.png")
        browser.close()
    app.extensions["rooms"].watch.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
