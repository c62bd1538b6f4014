"""What of sources goes where when workers come and go."""
