"""Which models were trained on an erased client: by their own rows, or by those of the model that they recalibrate."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from risk.disk import paths
from risk.disk.redaction import ClientNames
from risk.modeling.selection import ALL_ROWS, FORMER, RECALIBRATED
from risk.reading.sql import connect
from risk.registry.erased_releases import TrainedModels

CHAIN = (("1-a", ALL_ROWS, True, "base rate"), ("2-b", RECALIBRATED, False, "1-a"), ("3-c", ALL_ROWS, False, "2-b"),
         ("4-d", RECALIBRATED, False, "2-b"), ("5-e", RECALIBRATED, False, "3-c"),
         ("6-a", FORMER, False, "5-e", "1-a"), ("7-c", FORMER, False, "6-a", "3-c"))  # fmt: skip


def release(folder: Path, learned: str, is_learned: bool, champion: str, former: str | None = None) -> None:
    folder.mkdir(parents=True)
    (folder / paths.CARD).write_text(json.dumps({"learned": learned, "release": former}))
    (folder / paths.VERDICT).write_text(json.dumps({"champion": champion}))
    frame = pd.DataFrame({"client": ["acme", "b"], "learned": [is_learned, True]})
    with connect(threads=1) as connection:
        connection.register("frame", frame)
        connection.execute(f"copy frame to '{folder / paths.LEARNED_RISKS}' (format parquet)")


def test_a_model_counts_as_trained_on_the_clients_of_the_one_that_it_recalibrates_or_brings_back(
    tmp_path: Path,
) -> None:
    for name, *facts in CHAIN:
        release(tmp_path / paths.RELEASES / name, *facts)
    models = TrainedModels(tmp_path, tmp_path / "models", tmp_path, ClientNames(frozenset({"acme"})))

    assert models.trained_on_them() == ["1-a", "2-b", "4-d", "6-a"]
