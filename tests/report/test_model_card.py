from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from risk.dataset import manifest
from risk.decision.verdict import Verdict
from risk.disk import paths
from risk.registry import model
from risk.report import model_card, snapshot
from tests.conftest import Project

SECTIONS = ["What it is for", "What it is not for", "Data", "Factors", "Scores", "Calibration", "Caveats",
            "What it cannot see", "How it came here"]  # fmt: skip
HOSTILE = "<script>|[x](javascript:1)|`*_\n# head"
NUMERIC: dict[str, Any] = {"name": "visits", "kind": "numeric", "log": True, "mean": 3.0, "deviation": 1.0}
LEVELS: dict[str, Any] = {"name": "sector", "kind": "categorical", "log": False, "levels": ["bank", ""]}
PROBES: list[dict[str, Any]] = [
    {"name": "visits", "kind": "numeric", "typical": 19.0, "values": [6.0, 19.0, 54.0], "n_unasked": 0},
    {"name": "sector", "kind": "categorical", "typical": "bank", "values": ["bank", None], "n_unasked": 2},
]


def facts(**more: Any) -> dict[str, Any]:
    features = [NUMERIC, LEVELS]
    card: dict[str, Any] = {
        "sha256": "a" * 64,
        "family": "logistic",
        "learned": "all rows",
        "target": "left",
        "horizon": "a month",
    }
    card |= {"threshold": 0.25, "n_rows": 90, "base_rate": 0.2, "run": 3, "reason": "drift"}
    return card | {"reference": {"features": features}, "probes": PROBES, "packages": {"numpy": "2.4"}} | more


def rising(frame: pd.DataFrame) -> NDArray[np.float64]:
    visits = frame["visits"] if "visits" in frame else np.zeros(len(frame))
    return np.asarray(1 / (1 + np.exp(-np.log1p(visits) + 3)), dtype=np.float64)


def told(card: dict[str, Any], verdict: dict[str, Any] | None = None, dataset: dict[str, Any] | None = None) -> str:
    return model_card.text(card, Verdict.from_dict(verdict or {}), dataset or {}, rising).decode()


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def test_every_release_has_a_card_with_all_sections_and_the_figures_of_its_papers(deployed: Project) -> None:
    text = deployed.text(f"production_deployment/current/{paths.MODEL_CARD}")
    card = deployed.json(f"production_deployment/current/{paths.CARD}")

    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert f"| F1 | {card['scores']['f1']:.3f} | " in section(text, "Scores")
    assert "dataset1.csv: 300 rows" in section(text, "Data")
    assert f"{card['base_rate']:.1%}".replace("%", " %") in section(text, "Data")
    assert "why* clients leave" in section(text, "What it cannot see")


def test_every_figure_of_a_deployed_card_is_the_answer_of_the_model_beside_it(deployed: Project) -> None:
    text = deployed.text(f"production_deployment/current/{paths.MODEL_CARD}")
    live = model.load((deployed.root / "production_deployment/current").resolve())

    cells = [line.strip("| ").split(" | ") for line in section(text, "Factors").splitlines() if " % at " in line]

    plain = {row[0].replace("\\", ""): row[3:] for row in cells}
    typical = {name: float(row[0].replace(",", "")) for name, row in plain.items()}
    asked = [
        (percent, typical | {name: float(value.replace(",", ""))})
        for name, row in plain.items()
        for percent, value in re.findall(r"([\d.]+ %) at ([\d,.]+?)(?=, |$)", row[1])
    ]
    assert set(typical) == set(live.card.features)
    assert len(asked) >= 2 * len(typical)
    risks = live.risks(pd.DataFrame([row for _, row in asked]))
    assert [percent for percent, _ in asked] == [f"{100 * risk:.1f} %" for risk in risks]


def test_equal_facts_give_equal_bytes_without_a_clock(deployed: Project) -> None:
    folder = (deployed.root / "production_deployment/current").resolve()
    found, source = model.load(folder), manifest.read(folder)
    assert source is not None

    again = model_card.text(asdict(found.card), Verdict.of(folder), snapshot.of_dataset(source), found.risks)

    assert again == (folder / paths.MODEL_CARD).read_bytes()
    assert not re.search(rb"\d\d:\d\d", again)


@pytest.mark.parametrize("key", ["family", "horizon", "target", "reason", "learned"])
def test_client_text_is_never_markup(key: str) -> None:
    text = told(facts(**{key: HOSTILE}), {"forced": HOSTILE, "sentence": HOSTILE, "champion": HOSTILE})

    assert "<script>" not in text
    assert "[x](" not in text
    assert not re.search(r"^# head", text, re.MULTILINE)


def test_names_of_features_levels_and_sources_are_never_markup() -> None:
    probes = [PROBES[1] | {"name": HOSTILE, "typical": HOSTILE, "values": [HOSTILE]}]
    sources = [{"path": HOSTILE, "accepted": 5, "state": "in"}]

    text = told(facts(reference={}, probes=probes), {}, {"sources": sources, "version": HOSTILE})

    rows = [line for line in text.splitlines() if line.startswith("| &lt;script&gt;")]
    assert "<script>" not in text
    assert len(rows) == 1
    assert len(re.findall(r"(?<!\\)\|", rows[0])) == 6


def test_what_a_factor_does_is_asked_of_the_model() -> None:
    rows = section(told(facts()), "Factors")

    assert re.search(
        r"visits \| numeric \| the logarithm .* \| 19 \| higher is riskier: 25\.8 % at 6, 49\.9 % at 19, 73\.2 % at 54",
        rows,
    )
    assert re.search(
        r"sector \| categorical \| one .* \| bank \| 49\.9 % at bank, 49\.9 % at missing, 2 rarer levels not asked",
        rows,
    )


def test_a_card_of_an_older_program_says_that_nothing_was_recorded_to_ask_about() -> None:
    rows = section(told(facts(probes=None)), "Factors")

    assert rows.count("| – | not recorded: the program that trained it kept no values") == 2
    assert " % at " not in rows


def test_a_provisional_and_a_forced_model_say_so_first() -> None:
    provisional = told(facts(), {"provisional": True})
    forced = told(facts(), {"forced": "the board wants it", "provisional": True})

    assert provisional.splitlines()[2].startswith("**Provisional.**")
    assert "do not rely" in provisional
    assert "A person overruled the verdict; the reason given: the board wants it" in forced.splitlines()[2]


def test_why_it_was_deployed_is_told_as_the_verdict_has_it() -> None:
    first, later = {"deploy": True, "champion": "base rate"}, {"deploy": True, "champion": "1-ab"}

    assert "proven better than the average risk." in told(facts(), first)
    assert "proven better than the model that was live, 1-ab." in told(facts(), later)
    assert "The verdict was favourable too; the reason given: now" in told(facts(), later | {"forced": "now"})
    assert "overruled" not in told(facts(), later | {"forced": "now"})
    assert "Why it was deployed is not recorded." in told(facts())


def test_what_it_was_trained_on_is_told_as_it_was() -> None:
    sample = section(told(facts(n_labelled=900)), "Data")
    mended = told(facts(learned="recalibrated"))

    assert "Trained on 90 rows (a part of all 900), 20.0 % of them leavers." in sample
    assert "The former model, its risks set right (recalibrated) on 90 rows" in section(mended, "Data")
    assert section(mended, "Factors").count("as in the model whose risks were set right") == 2


@pytest.mark.parametrize(
    ("scored_on", "n_labelled", "words"),
    [
        ("held-out clients (20 % of all, by hash; testdata/ is empty)", 115, "all 115 but the 25 of held-out clients"),
        ("held-out clients (20 % of all, by hash; testdata/ is empty)", 900, "a part of all 900, without held-out"),
        ("held-out clients", 115, "a part of all 115"),
        ("seen clients", 115, "a part of all 115"),
    ],
)
def test_rows_of_clients_who_are_held_out_are_no_sample(scored_on: str, n_labelled: int, words: str) -> None:
    verdict = {"scores": {"n_rows": 25, "scored_on": scored_on}}

    assert f"Trained on 90 rows ({words}" in section(told(facts(n_labelled=n_labelled), verdict), "Data")


def test_the_card_says_where_its_scores_come_from() -> None:
    bins = [{"risk": 0.1, "share": 0.2, "n_rows": 30}]
    seen = {"scores": {"n_rows": 40, "scored_on": "seen clients", "calibration": bins}}
    unseen = {"scores": {"n_rows": 40, "scored_on": "held-out clients"}}

    assert "rows of these clients, so it looks better there than it is" in section(told(facts(), seen), "Scores")
    assert "It may be of the time before a change" in section(told(facts(), unseen), "Scores")
    assert "so many left (test data)" in section(told(facts(), seen), "Calibration")
    assert "so many left (out of fold)" in section(told(facts(scores={"calibration": bins}), seen), "Calibration")


def test_a_source_that_is_held_or_refused_is_no_data_of_the_model() -> None:
    sources = [{"path": f"{state}.csv", "accepted": 5, "state": state} for state in ("in", "gone", "held", "refused")]

    data = section(told(facts(), {}, {"sources": sources}), "Data")

    assert "Sources: 2." in data
    assert "held.csv" not in data
    assert "refused.csv" not in data


def test_very_many_sources_are_counted_not_listed() -> None:
    sources = [{"path": f"{number}.csv", "accepted": 1, "state": "in"} for number in range(500)]

    data = section(told(facts(), {}, {"sources": sources}), "Data")

    assert "and 450 more, all named in ingestedfiles.txt" in data


def test_candidates_are_shown_where_they_are_known() -> None:
    text = told(facts(candidates=[{"name": "logistic, all rows", "log_loss": 0.41}]))

    assert "logistic, all rows 0.4100" in section(text, "How it came here")


@pytest.mark.parametrize("missing", ["scores", "reference", "packages", "threshold", "n_rows", "base_rate", "horizon"])
def test_a_card_of_another_program_lacks_keys_and_still_has_its_sections(missing: str) -> None:
    card = facts()
    card.pop(missing, None)

    assert re.findall(r"^## (.*)$", told(card), re.MULTILINE) == SECTIONS


def test_the_card_holds_no_folder_of_the_machine(deployed: Project, tmp_path: Path) -> None:
    text = deployed.text(f"production_deployment/current/{paths.MODEL_CARD}")

    assert str(deployed.root) not in text
