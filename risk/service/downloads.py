"""Files to download: the card of a release, the report, and the call list, of all or of one owner.

Reads:  the newest report set, production_deployment/releases
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flask import Blueprint, Response, request

from risk.disk.paths import CALL_LIST, CALL_LIST_EXCEL, REPORT
from risk.service import finding, live
from risk.service.predictions import NO_REPORT, Shown
from risk.service.problems import Problem
from risk.settings.capacity import BY_RISK

DISPOSITIONS = {
    "downloads.report": f'inline; filename="{REPORT}"',
    "downloads.calls_csv": f'attachment; filename="{CALL_LIST}"',
    "downloads.call_sheet": f'attachment; filename="{CALL_LIST_EXCEL}"',
}
QUERIES = {"downloads.calls_csv": ("owner",), "downloads.call_sheet": ("owner",)}
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def blueprint(watch: live.Watch, production: Path) -> Blueprint:
    """The endpoints of files."""
    downloads = Blueprint("downloads", __name__)

    @downloads.get("/releases/<name>/card")
    def card(name: str) -> Response:
        """Return the model card of a release, by its name or number, as Markdown."""
        content = live.card_of(production, name)
        if content is None:
            raise Problem(404, "there is no such release, or it has no model card; deployment.py --list shows them all")
        return Response(content, mimetype="text/markdown")

    @downloads.get("/report")
    def report() -> Response:
        """Return the report as a PDF."""
        return _sent(watch.live.published.report, "application/pdf")

    @downloads.get("/calllist.csv")
    def calls_csv() -> Response:
        """Return the call list as the CSV file that the newest report set holds, or the rows of one owner."""
        shown = watch.live.published
        return _sent(_of_owner(shown, shown.calls), "text/csv")

    @downloads.get("/calllist.xlsx")
    def call_sheet() -> Response:
        """Return the call list as a workbook with a sheet for each owner, or of one owner, where the set holds it."""
        shown = watch.live.published
        return _sent(_of_owner(shown, shown.sheet, is_sheet=True), EXCEL)

    return downloads


def _sent(content: bytes | None, kind: str) -> Response:
    """A file of the newest report set. Raises: Problem 503 where it is not there."""
    if content is None:
        raise Problem(503, NO_REPORT)
    return Response(content, mimetype=kind, headers={"Content-Disposition": DISPOSITIONS[str(request.endpoint)]})


def _of_owner(shown: Shown, whole: bytes | None, *, is_sheet: bool = False) -> bytes | None:
    """A file of the set; where the query names an owner, one that is made of the calls of this owner alone."""
    asked = finding.Asked(request.args.get("owner") or None)
    if not whole or not asked.owner:
        return whole
    from risk.lists import call_list  # the service needs what makes lists for nothing else
    from risk.report import spreadsheet

    snapshot = shown.snapshot
    usual, currency = finding.orders_of(snapshot)[0], snapshot["schema"].get("currency")
    calls = finding.among_calls(snapshot["call_list"], replace(asked, sort=usual))
    order = dict(snapshot["capacity"]).get("order", BY_RISK)
    return spreadsheet.workbook(calls, currency) if is_sheet else call_list.calls_csv(calls, order)
