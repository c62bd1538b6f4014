"""What operators keep, and how it gets into checkpoints while records keep flowing."""
