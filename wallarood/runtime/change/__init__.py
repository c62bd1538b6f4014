"""What a worker does in a change of its cluster: hand over, stage, adopt, leave."""
