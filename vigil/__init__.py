"""Vigil watches Extended ECM business workspaces and notifies the right person, once."""
