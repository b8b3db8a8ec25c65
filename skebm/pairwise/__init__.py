"""General Boltzmann machines, any two units of which may be coupled, and simulated annealing."""

from .annealing import simulated_annealing
from .boltzmann_machine import BoltzmannMachine

__all__ = ["BoltzmannMachine", "simulated_annealing"]
