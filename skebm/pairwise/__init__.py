"""General Boltzmann machines, with weights between any two units, and simulated annealing."""

from .annealing import simulated_annealing
from .boltzmann_machine import BoltzmannMachine

__all__ = ["BoltzmannMachine", "simulated_annealing"]
