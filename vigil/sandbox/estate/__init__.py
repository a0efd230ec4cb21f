"""Estates: a system over time, as files (docs/estates.md)."""
