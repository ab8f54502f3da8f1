"""Detent: a self-hosted secrets manager that speaks the AWS Secrets Manager API and proves every rotation."""

__version__ = "0.1.0"
