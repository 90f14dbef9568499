"""The names that zoo goes by."""

__version__ = "0.1.0"
DISTRIBUTION = "thermal-zoo"
