"""Models on the Hugging Face Hub and in its cache: download, verify, publish."""
