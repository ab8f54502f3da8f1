"""Real servers for tests: each is started by the tests that need it, on a free port, and ended by them."""
