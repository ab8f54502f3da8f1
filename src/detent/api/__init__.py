"""The AWS wire protocol, and nowhere else."""
