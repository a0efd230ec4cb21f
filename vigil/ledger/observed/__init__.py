"""What was read from Extended ECM and when, and what rules remember of it."""
