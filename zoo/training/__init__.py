"""Trains a method: `engine.train` is the loop, `step` one step of it; `checkpoint` and `log` write what a resume needs."""
