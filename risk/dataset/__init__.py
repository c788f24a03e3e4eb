"""The dataset: sources, the manifest of a version, the set of accepted rows, quarantine, and databases as sources."""
