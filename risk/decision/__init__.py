"""Decisions: when to train, which labels are new, the gate between champion and challenger, and the holdout."""
