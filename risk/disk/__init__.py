"""What lies on disk: its names, files that appear whole, the journal, what is wiped or redacted, and the idle tick."""
