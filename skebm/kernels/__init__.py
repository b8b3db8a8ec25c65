"""Compiled inner loops, which import NumPy, SciPy and Numba only.

A kernel takes arrays and numbers, and writes its results to arrays that are passed to it; it does
not depend on estimators. Names here follow the equations: ``v`` visible states, ``h`` hidden
states, ``W`` weights of shape (n_visible, n_hidden).
"""
