"""Compiled inner loops: the ground floor, which imports NumPy, SciPy and Numba only.

A kernel takes plain arrays and numbers, writes into the arrays that it is given, and knows no
estimator. Names here follow the equations: ``v`` visible states, ``h`` hidden states, ``W``
weights of shape (n_visible, n_hidden).
"""
