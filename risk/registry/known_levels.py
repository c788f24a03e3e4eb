"""The levels that a model was trained on, by feature, the rare ones too; of a feature left out none is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from risk.modeling.selection import RECALIBRATED

if TYPE_CHECKING:
    from risk.registry.model import Model


def of(model: Model) -> dict[str, frozenset[str]]:
    """Those of its card, and of a recalibrated model, whose card tells of the new rows alone, those of its encoders.

    Of features with very many levels, in cards of older programs, and where a recalibrated model has no compiled form,
    none is known.
    """
    card = model.card
    known = {it["name"]: frozenset(it["known"]) for it in card.reference.get("features", ()) if it.get("known")}
    if card.learned != RECALIBRATED or not known:
        return known
    form = model.compiled
    if isinstance(form, str):
        return {}
    encoded = dict(zip(form.names, form.levels, strict=True))
    return {name: levels.union(it for it in encoded[name] or () if it) for name, levels in known.items()}
