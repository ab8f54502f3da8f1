"""Detent: a self-hosted secrets manager that speaks the AWS Secrets Manager API and proves every rotation."""

from detent.client import client

__all__ = ["__version__", "client"]
__version__ = "0.1.0"
