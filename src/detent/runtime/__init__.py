"""Running users' own functions: here, in processes of their own, or elsewhere, through Lambda's Invoke."""
