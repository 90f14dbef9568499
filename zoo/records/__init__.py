"""What a run leaves in its folder: the plan, the lease, the record, and how they are read, written and checked."""
