"""How a cluster becomes another: grows, shrinks, does without a lost worker."""
