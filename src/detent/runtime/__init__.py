"""Running users' own functions unmodified, by AWS's runtime contract: here, in processes of their own, or elsewhere."""
