"""CloudTrail-shaped records of every call and every service event."""
