"""Connecting a site: its settings (`forms`), and the changes of a repeated `vigil connect` (`changes`).

This package does not use Prefect. The blocks in `blocks/` save these forms; the options of `vigil connect` are made from them.
"""
