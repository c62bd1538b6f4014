"""The data flow of one worker: a task for each instance, and what they hand on to each other."""
