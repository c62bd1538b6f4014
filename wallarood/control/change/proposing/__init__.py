"""Who proposes a change: what it needs, what it is made of, how it is brought about."""
