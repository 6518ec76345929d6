"""The public dump: everything that the registry shows, as files that outlive it.

`records` is one report as a line of JSON, `tables` every figure as CSV, Parquet and SQLite,
`export` writes the folder. The way back is `import_reports` (`submissions.importers.records`).
"""
