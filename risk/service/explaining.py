"""Why the risk of a client whom the call list does not explain is what it is: asked of the live model on request."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pandas as pd

from risk.modeling import families
from risk.modeling.metrics import Kinds
from risk.service.predictions import LiveState, Shown
from risk.settings.schema import Schema

MOST_CLIENTS = 10_000  # that a client is compared with, at even places of the ranking


def why(now: LiveState, schema: Schema, client: str) -> dict[str, Any]:
    """Reasons, context and drivers of a current client; nothing where the set is of another model or has no figures.

    They are those of the list, but that nothing is said of the row before. Source: `lists.reason_words`.
    """
    shown, model = now.shown, now.model
    if shown is None or model is None or shown.release != model.name or not model.fits(schema):
        return {}
    place = shown.clients.places[client]
    everyone = _everyone(shown, place, schema.kinds)
    if everyone is None:
        return {}
    from risk.lists.reason_words import explained  # the service needs what makes lists for nothing else

    frame = everyone.loc[[place]]
    adds_up = model.card.family == families.KNOWN[0].name
    (found,) = explained(model.risks, frame, frame.where(frame.isna()), everyone, schema, adds_up=adds_up)
    return {"reasons": found.reasons, "context": found.context, "drivers": found.drivers}


def _everyone(shown: Shown, place: int, kinds: Kinds) -> pd.DataFrame | None:
    """The features of the client at a place and of others, in the order of risk; None where the set has others."""
    n_clients = len(shown.features) - 1
    if n_clients <= place or set(msgspec.json.decode(shown.features[0])) != set(kinds):
        return None
    n_taken = min(MOST_CLIENTS, n_clients)
    places = np.union1d(((np.arange(n_taken) + 0.5) / n_taken * n_clients).astype(np.int64), [place]).tolist()
    rows = [msgspec.json.decode(shown.features[at + 1]) for at in places]
    frame = pd.DataFrame(rows, index=places, columns=msgspec.json.decode(shown.features[0]), dtype=object)
    return frame.astype({name: "float64" if kind == "numeric" else object for name, kind in kinds.items()})[list(kinds)]
