"""Making due rotations happen. Knows no engine, and no plaintext."""
