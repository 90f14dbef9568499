"""The report: one self-contained HTML page of a results folder, for screen, phone and print. Imports no torch."""
