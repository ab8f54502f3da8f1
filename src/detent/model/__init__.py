"""What a secret is: values and rules. No I/O, no clock, no wire words."""
