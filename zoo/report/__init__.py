"""Reads records for people: tables, comparisons, pages. Imports no torch."""
