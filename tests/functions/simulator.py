from detent.functions.testing import SecretsSimulator, SimulatedSecret

__all__ = ["SecretsSimulator", "SimulatedSecret"]
