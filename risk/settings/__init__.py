"""The settings: config.json read, each section checked, and the defaults of what it leaves out."""
