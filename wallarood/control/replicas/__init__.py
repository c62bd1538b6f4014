"""Copies of each worker's parts on the disk of the next: who sends, who keeps, who says so."""
