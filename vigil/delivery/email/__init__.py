"""The e-mail channel: SMTP."""
