"""A trainer by itself: no estimator, a learner that counts, a monitor that says what it is told."""

import numpy as np
import pytest

from skebm._random import RandomStreams
from skebm._streamed_rows import as_rows
from skebm.boltzmann.trainer import Trainer

X = np.arange(12.0).reshape(6, 2)


class Machine:
    """Has a number, which grows by one an epoch."""

    def __init__(self, number=0):
        self.number = number

    def has_diverged(self):
        return self.number > 100


class Model:
    """Takes note of the machines and means that it is asked for."""

    def with_machine(self, machine, means):
        made = Model()
        made.base = machine, means
        return made


class Learner:
    """Notes what happens to it; its means are the number of the machine."""

    def __init__(self, n_updates=0, growth=1):
        self.machine, self.n_updates, self.growth = Machine(), n_updates, growth
        self.streams = RandomStreams(seed=0)
        self.chains = self
        self.events, self.orders, self.bases = [], [], []

    @property
    def offsets(self):
        return self.machine.number

    def start_epoch(self, find_base):
        self.bases.append(find_base())

    def run_epoch(self, rows, order, settings):
        self.events.append(f"steps by {settings}")
        self.orders.append(order.tolist())
        self.machine.number += self.growth


class Monitor:
    """Has one unit die in each epoch, and is satisfied by a number."""

    def __init__(self, enough=np.inf, measured=0.5):
        self.training, self.enough, self.value = np.array([0, 1, 4, 5]), enough, measured
        self.best_machine = None
        self.looked = []

    def find_dead_units(self, machine):
        self.looked.append(machine)

    def restart_dead_units(self, learner):
        learner.events.append("restart")

    def measure(self, machine):
        return {"number": machine.number, "value": self.value}

    def should_stop(self, machine, measured):
        if measured["number"] == 2:
            self.best_machine = Machine(2)
        return measured["number"] >= self.enough


def make_trainer(learner=None, monitor=None, shuffle=False):
    error = ArithmeticError("diverged")
    learner = Learner() if learner is None else learner
    return Trainer(Model(), learner, as_rows(X), monitor, shuffle=shuffle, divergence=error)


def test_an_epoch_begins_with_new_units_and_ends_with_measurements():
    learner = Learner()
    trainer = make_trainer(learner, Monitor())
    for epoch in (1, 2):
        measured = trainer.run_epoch(f"rate {epoch}")
        assert measured["number"] == epoch
        assert measured["seconds"] >= 0
    assert learner.events == ["restart", "steps by rate 1", "restart", "steps by rate 2"]
    assert trainer.history["number"] == [1, 2]
    assert list(trainer.history) == ["number", "value", "seconds"]


@pytest.mark.parametrize("shuffle", [False, True])
def test_rows_that_the_monitor_holds_out_are_not_trained_on(shuffle):
    learner = Learner()
    trainer = make_trainer(learner, Monitor(), shuffle)
    for _ in range(5):
        trainer.run_epoch(None)
    assert {tuple(sorted(order)) for order in learner.orders} == {(0, 1, 4, 5)}
    assert (len({tuple(order) for order in learner.orders}) > 1) == shuffle


def test_steps_alone_visit_all_rows_and_measure_nothing():
    learner = Learner()
    trainer = make_trainer(learner)
    trainer.take_steps("a rate")
    assert learner.orders == [[0, 1, 2, 3, 4, 5]]
    assert learner.events == ["steps by a rate"]
    assert trainer.history == {}


def test_chains_learn_of_the_means_as_they_are_when_an_epoch_begins():
    learner = Learner()
    trainer = make_trainer(learner, Monitor())
    for _ in range(3):
        trainer.run_epoch(None)
    assert learner.bases == [(learner.machine, number) for number in (0, 1, 2)]
    assert trainer.model.base == (learner.machine, 3)


def test_it_is_over_when_the_monitor_says_so_and_goes_back_to_the_best():
    trainer = make_trainer(monitor=Monitor(enough=3))
    assert not trainer.go_back_to_best()
    found = []
    while not trainer.is_over:
        found.append(trainer.run_epoch(None)["number"])
    assert found == [1, 2, 3]
    assert trainer.go_back_to_best()
    assert trainer.learner.machine.number == 2


@pytest.mark.parametrize(
    ("growth", "measured"), [(101, 0.5), (1, np.nan), (1, np.inf)], ids=["weights", "nan", "inf"]
)
def test_divergence_of_weights_or_measurements_ends_it(growth, measured):
    trainer = make_trainer(Learner(growth=growth), Monitor(measured=measured))
    with pytest.raises(ArithmeticError, match="diverged"):
        trainer.run_epoch(None)
    assert trainer.history == {}


@pytest.mark.parametrize("n_updates", [0, 7])
def test_dead_units_of_before_are_found_where_training_goes_on(n_updates):
    learner, monitor = Learner(n_updates), Monitor()
    make_trainer(learner, monitor)
    assert monitor.looked == ([learner.machine] if n_updates else [])
