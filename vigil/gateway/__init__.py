"""The HTTP gateway: where a person's app registers devices, reads notices, acknowledges them and says what it prefers."""
