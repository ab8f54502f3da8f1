"""Where secrets are kept. Cannot decrypt: it knows nothing of keysets."""
