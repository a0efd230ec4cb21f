"""The texts of notices: templates, and the recipient's language and zone."""
