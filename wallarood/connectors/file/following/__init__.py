"""Following files that grow, are rotated, and come and go."""
