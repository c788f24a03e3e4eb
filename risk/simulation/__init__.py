"""Made-up clients whose truth is known, to try the system and to measure it."""
