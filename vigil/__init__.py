"""Vigil: watches Extended ECM business workspaces and tells the right person, once."""
