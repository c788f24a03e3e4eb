"""Models on disk: model file and card, releases, the one that is live, out-of-fold risks, and the audit of them all."""
