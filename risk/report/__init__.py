"""Everything that people read: the snapshot, words, PDF, figures, model card, explanation, status."""
