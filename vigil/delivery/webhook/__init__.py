"""The webhook channel: notices are posted as signed JSON to HTTPS addresses of people and groups. docs/delivery.md, "Webhooks"."""
