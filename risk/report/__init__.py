"""Everything that people read: the snapshot and the call list, words, PDF, figures, model card, explanation, status."""
