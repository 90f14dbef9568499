"""Scores with their protocol, their per-image values and their intervals. Importing the package imports no torch."""
