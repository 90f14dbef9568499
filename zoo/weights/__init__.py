"""Trained weights: model folders, and the translator that `zoo.load` returns."""
