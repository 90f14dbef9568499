"""Scores images: of a run that was trained here, and of other programs."""
