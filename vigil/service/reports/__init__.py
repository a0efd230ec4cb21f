"""Results as tables: DataFrames, files, workbooks, charts."""
