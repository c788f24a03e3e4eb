"""The proposal: what the columns of an unknown table seem to mean, and in what form it is written. A person decides."""
