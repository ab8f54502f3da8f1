"""Writing rotation functions: the four steps, the strategies, the engines.

This room imports nothing else of detent: a function made of it runs unchanged in Detent and as an AWS Lambda against
AWS Secrets Manager. A new engine is one file in ``engines``; a new strategy is one class in ``strategies``.
"""
