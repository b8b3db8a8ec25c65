"""What every restricted Boltzmann machine is as an estimator: its parameters, training and use."""

from numbers import Integral, Real
from typing import ClassVar

from sklearn.base import BaseEstimator

from .._deployment import Deployable
from .._schedules import DECAYS, HINT
from .._validation import (
    Flag,
    HasPlainParameters,
    Number,
    Optional,
    Options,
    Randomness,
    Schedule,
    Verbosity,
    WithHint,
)
from .._version import VersionStamp
from .inference import InferenceMixin
from .initial import ACTIVITY
from .learner import OFFSET_RATE
from .negative_phase import NEGATIVE_PHASES
from .training import TrainingMixin
from .units import BernoulliUnits


class BaseRBM(
    VersionStamp, Deployable, HasPlainParameters, TrainingMixin, InferenceMixin, BaseEstimator
):
    """A restricted Boltzmann machine, whatever its visible units are.

    How it is trained stands in :class:`~skebm.boltzmann.training.TrainingMixin`, what can be done
    with it thereafter in :class:`~skebm.boltzmann.inference.InferenceMixin`. Here stand the
    parameters, and what both want to know of a kind of machine.

    A subclass says what its machine is: at the start of training (``_initial_machine``), in the
    fitted attributes (``_publish_machine``) and from them (``_machine``); and which visible units
    have given means and know nothing of each other (``_visible_base_rate``). Where the machine does
    not see the data as they come, it also says how to get from the data to the visible states
    (``_to_states``), back (``_to_data``), and what that does to a density (``_log_scale``).

    A deep network made of RBMs uses, besides what is public, these of them: ``_check`` before
    anything is trained, ``_fit`` with a report after each epoch, ``_part_of`` around both for
    messages that name the network, ``_rows`` for checked data as visible states, ``_machine`` and
    ``_publish_machine`` to take the weights out and put them back, "offsets" in
    ``_training_state`` for the means that annealing starts from, ``_to_states``, ``_to_data`` and
    ``_log_scale`` at its lowest layer.
    """

    _parameter_checks: ClassVar = {
        "n_components": Number(Integral, "[1, inf)"),
        "learning_rate": WithHint(
            Schedule(Real, "(0, inf)"), str, HINT.format("learning_rate_schedule")
        ),
        "batch_size": Number(Integral, "[1, inf)"),
        "n_iter": Number(Integral, "[0, inf)"),
        "verbose": Verbosity(),
        "random_state": Randomness(),
        "algorithm": Options(*NEGATIVE_PHASES),
        "n_gibbs_steps": Schedule(Integral, "[1, inf)"),
        "n_chains": Optional(Number(Integral, "[1, inf)")),
        "n_replicas": Number(Integral, "[2, inf)"),
        "learning_rate_schedule": Options(*DECAYS),
        "momentum": Schedule(Real, "[0, 1)"),
        "alpha": Number(Real, "[0, inf)"),
        "l1_ratio": Number(Real, "[0, 1]"),
        "sparsity_target": Optional(Number(Real, "(0, 1)")),
        "sparsity_cost": Number(Real, "[0, inf)"),
        "centered": Flag(),
        "shuffle": Flag(),
        "early_stopping": Flag(),
        "validation_fraction": Number(Real, "(0, 1)"),
        "n_iter_no_change": Number(Integral, "[1, inf)"),
        "tol": Number(Real, "[0, inf)"),
        "reconstruction_tol": Optional(Number(Real, "[0, inf)")),
        "warm_start": Flag(),
    }

    def __init__(
        self,
        n_components=256,
        *,
        learning_rate=0.1,
        batch_size=10,
        n_iter=10,
        verbose=0,
        random_state=None,
        algorithm="pcd",
        n_gibbs_steps=1,
        n_chains=None,
        n_replicas=10,
        learning_rate_schedule="linear",
        momentum=0.0,
        alpha=0.0,
        l1_ratio=0.0,
        sparsity_target=None,
        sparsity_cost=0.1,
        centered=True,
        shuffle=True,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        reconstruction_tol=None,
        warm_start=False,
    ):
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.algorithm = algorithm
        self.n_gibbs_steps = n_gibbs_steps
        self.n_chains = n_chains
        self.n_replicas = n_replicas
        self.learning_rate_schedule = learning_rate_schedule
        self.momentum = momentum
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.centered = centered
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.reconstruction_tol = reconstruction_tol
        self.warm_start = warm_start

    def _inspect(self, rows, first_time):
        """Look at training data before anything is made of them."""

    def _to_states(self, rows):
        """Visible states of the machine, from rows of data."""
        return rows

    def _to_data(self, states):
        """Data from visible states of the machine, which may be changed in place."""
        return states

    def _log_scale(self):
        """Log of the factor between a volume of data and that of its visible states."""
        return 0.0

    def _start_activity(self):
        """Share of the rows that a hidden unit begins on for, about."""
        target = self._parameters.sparsity_target
        return ACTIVITY if target is None else target

    def _base_rate(self, offsets, batch_size):
        """Layers of units that have the means of the data and know nothing of each other."""
        visible_mean, hidden_mean = offsets
        # As many rows as take part in a moving average.
        dtype, n_rows = visible_mean.dtype, batch_size / OFFSET_RATE
        visible = self._visible_base_rate(visible_mean, n_rows)
        return visible.copy(dtype), BernoulliUnits.from_mean(hidden_mean, n_rows).copy(dtype)

    def _fitted_base_rate(self):
        """The same, as training left it."""
        state = self._training_state
        return self._base_rate(state["offsets"], state["batch_size"])

    def _leave_training_state(self):
        state = self._training_state
        self._training_state = {name: state[name] for name in ("offsets", "batch_size")}
        vars(self).pop("h_samples_", None)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
