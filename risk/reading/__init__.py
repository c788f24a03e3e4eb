"""Client files, read strictly into parquet parts: a row is accepted exactly as written, or rejected with its line."""
