"""Whether new rows are held back: a faulty feed is not learned until a person or a good next version settles it."""

from __future__ import annotations

import numpy as np

from risk.dataset import Dataset
from risk.feeds import Columns, faults
from risk.manifest import Entry, Manifest
from risk.reader import Content


def fault_of(content: Content, before: Dataset) -> str | None:
    """Return what is wrong with the feed, in a sentence, or None. Small files and first files are never held."""
    if not before.manifest.contents or not content.slices:
        return None
    alone = Manifest("", before.manifest.schema).with_entries([Entry("new", "in", None, (content,), None, 0)])
    found = faults(_columns(Dataset(alone, before.schema, before.parts)), _columns(before))
    return "; ".join(fault.sentence for fault in found) or None


def _columns(rows: Dataset) -> Columns:
    frame, schema = rows.clients(left_too=True), rows.schema
    numbers = [name for name, kind in schema.kinds.items() if kind == "numeric"]
    values = {name: frame[name].to_numpy(np.float64) for name in numbers}
    return Columns(frame[schema.client].to_numpy(), values)
