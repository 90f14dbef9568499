"""The names that zoo goes by."""

__version__ = "0.2.0.dev0"
DISTRIBUTION = "thermal-zoo"
