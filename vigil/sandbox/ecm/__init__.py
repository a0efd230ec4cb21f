"""The Extended ECM simulator, built from docs/contracts/ecm.md."""
