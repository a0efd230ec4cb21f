"""The notices: their rows, leases and attempts, and all that holds them back, groups or explains them."""
