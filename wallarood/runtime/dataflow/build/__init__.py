"""From a topology to the instances of one worker, wired to each other."""
