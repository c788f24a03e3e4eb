from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from risk.modeling._levels import UNKNOWN
from risk.modeling.selection import RECALIBRATED
from risk.registry import known_levels, model
from tests.installation import deploy, lay_out


def test_a_recalibrated_model_knows_the_levels_that_it_was_trained_on_before(tmp_path: Path) -> None:
    trained = model.load(deploy(lay_out(tmp_path / "root"), "1-aa", with_reference=True))
    features = [it | {"known": ["bank", "farm"]} if it["known"] else it for it in trained.card.reference["features"]]
    card = replace(trained.card, learned=RECALIBRATED, reference=trained.card.reference | {"features": features})

    assert known_levels.of(trained) == {"sector": {"bank", "retail"}}
    assert known_levels.of(replace(trained, card=card)) == {"sector": {"bank", "farm", "retail", UNKNOWN}}
