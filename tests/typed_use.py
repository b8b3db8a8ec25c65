"""Code of a user, for the type checker alone: ``mypy`` reads it, nothing runs it.

Each call that is wrong is one that the checker has to refuse: a comment that silences an error is
itself an error (``warn_unused_ignores``) where there is none.
"""

from typing import Any, assert_type

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skebm import BoltzmannMachine, MixedRBM, RBMImputer, simulated_annealing, stream
from skebm.boltzmann import LogPartition


def impute(X: NDArray[np.float64], frame: pd.DataFrame) -> None:
    imputer = RBMImputer(MixedRBM(20), n_rounds=2, random_state=np.random.RandomState(0))
    assert_type(imputer.fit(X), RBMImputer)
    imputer.fit(frame, None).transform([[0.5, None], [1.5, 2]])
    assert_type(imputer.get_feature_names_out(), NDArray[np.object_])
    RBMImputer(missing_values=-1)
    RBMImputer(missing_values="unknown")

    RBMImputer(20)  # type: ignore[arg-type]
    RBMImputer(None, -1)  # type: ignore[call-arg]
    RBMImputer(n_rounds="ten")  # type: ignore[arg-type]
    RBMImputer(random_state=np.random.default_rng(0))  # type: ignore[arg-type]
    RBMImputer(rounds=2)  # type: ignore[call-arg]
    imputer.fit(X).transform()  # type: ignore[call-arg]


def couple(X: NDArray[np.float32]) -> None:
    machine = BoltzmannMachine(2, algorithm="pcd", n_gibbs_steps=[1, 5], random_state=0)
    assert_type(machine.fit(X), BoltzmannMachine)
    assert_type(machine.partial_fit(stream(X)), BoltzmannMachine)
    assert_type(machine.score_samples([[0, 1], [1, 0]]), NDArray[np.floating[Any]])
    assert_type(machine.score(X), float)
    assert_type(machine.log_partition("ais", X=X), LogPartition)
    machine.log_likelihood(X, machine.log_partition())
    machine.sample(5, init=X, clamp=[True, False], algorithm="pt")
    print(machine.anneal(temperatures=(2.0, 0.1)).state)
    BoltzmannMachine(0, np.ones((3, 3), bool), alpha="auto", learning_rate=(0.1, 0.01))
    BoltzmannMachine(connections=[[False, True], [True, False]], alpha=1)
    simulated_annealing(X, np.zeros(2), units="binary", temperatures=[2.0, 1.0, 0.5])

    BoltzmannMachine(2, "full", "pcd")  # type: ignore[call-arg]
    BoltzmannMachine(connections="none")  # type: ignore[arg-type]
    BoltzmannMachine(algorithm="gibbs")  # type: ignore[arg-type]
    BoltzmannMachine(n_chains=1.5)  # type: ignore[arg-type]
    machine.sample(5, algorithm="ais")  # type: ignore[arg-type]
    machine.log_partition("enumeration")  # type: ignore[arg-type]
    machine.gibbs(X, 5, 0)  # type: ignore[call-arg]
    simulated_annealing(X, None, "binary")  # type: ignore[call-arg]
