"""Associative memory."""

from .hopfield import HopfieldMemory

__all__ = ["HopfieldMemory"]
