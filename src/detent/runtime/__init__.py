"""Running users' own functions unmodified, by AWS's runtime contract."""
