"""The second engine: a Spark cluster that does what DuckDB does on one machine, for rows that one machine outgrows."""
