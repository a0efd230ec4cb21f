"""Upkeep of the database: retention, integrity, schema version."""
