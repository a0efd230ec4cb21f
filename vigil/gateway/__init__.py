"""The HTTP gateway: an app registers devices, reads and acknowledges notices, and sets preferences."""
