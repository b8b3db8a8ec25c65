"""
==================
Writing a callback
==================

A callback is called at the start and at the end of each epoch, with the model as it is at that
time. It can measure what no parameter of the model offers, and end the training. This example
writes one for restricted Boltzmann machines that are so small that their likelihood is exact: it
ends the fit when rows held out become no more likely.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skebm import BernoulliRBM

# %%
# The callback
# ------------
#
# scikit-learn calls four methods. ``setup`` and ``teardown`` frame the fit, the other two each of
# its tasks; of an RBM, these are its epochs. The fit ends if ``on_fit_task_end`` returns True.


class LikelihoodOfHeldOut:
    """Measures exact log-likelihoods, and ends the fit when that of held-out rows stops rising.

    Parameters
    ----------
    training, held_out : ndarray of shape (n_samples, n_features)
        Rows to measure.
    patience : int
        Epochs without a gain after which the fit ends.
    """

    def __init__(self, training, held_out, patience):
        self.rows = {"training": training, "held out": held_out}
        self.patience = patience

    def setup(self, estimator, context):
        self.curves = {name: [] for name in self.rows}

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            return self.measure(estimator)

    def teardown(self, estimator, context):
        pass

    def measure(self, estimator):
        """Log-likelihoods of the model as it is now; whether the patience is at its end."""
        log_z = estimator.log_partition()
        for name, rows in self.rows.items():
            self.curves[name].append(estimator.log_likelihood(rows, log_z).mean())
        return len(self.curves["held out"]) - 1 - self.best_epoch >= self.patience

    @property
    def best_epoch(self):
        """The epoch, counted from 0, after which held-out rows were the most likely."""
        return int(np.argmax(self.curves["held out"]))


# %%
# A model that over-fits
# ----------------------
#
# Sixty digits are few for a model of 1,104 parameters. The callback is set before the fit and may
# be used again. Versions of scikit-learn before 1.9 have no callbacks. With these, ``partial_fit``
# takes the place of an epoch, and we ask for the measurement after each call.

pixels = (load_digits().data > 7.5).astype(np.float32)
training, held_out = train_test_split(pixels, train_size=60, test_size=500, random_state=0)
watch = LikelihoodOfHeldOut(training, held_out, patience=30)
rbm = BernoulliRBM(
    16,
    n_iter=300,
    learning_rate=0.05,
    learning_rate_schedule="constant",
    n_chains=100,
    random_state=0,
)
if hasattr(rbm, "set_callbacks"):
    rbm.set_callbacks(watch).fit(training)
else:
    watch.setup(rbm, None)
    for _ in range(rbm.n_iter):
        if watch.measure(rbm.partial_fit(training)):
            break

best = watch.best_epoch
print(f"the fit ended after {len(watch.curves['held out'])} of {rbm.n_iter} epochs")
print(f"nats per row         after epoch {best + 1:>3}   at the end")
for name, curve in watch.curves.items():
    print(f"    {name:<17}{curve[best]:>15.2f}{curve[-1]:>13.2f}")

# %%
# The training rows become more likely to the end, the rows held out do not. ``early_stopping=True``
# does something similar without a callback: it stops by the pseudo-likelihood of rows held out,
# which needs no partition function, and keeps the best weights. A callback is for what there is no
# parameter for, and works for a network with many layers in the same way.

_, ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
STYLES = {"training": ("--", "#D55E00"), "held out": ("-", "#0072B2")}
for name, curve in watch.curves.items():
    style, colour = STYLES[name]
    ax.plot(np.arange(1, len(curve) + 1), curve, style, color=colour, label=name)
ax.axvline(best + 1, color="0.5", lw=0.8)
ax.set(xlabel="epoch", ylabel="log-likelihood, nats per row")
ax.spines[["top", "right"]].set_visible(False)
ax.grid(color="0.9")
ax.legend()
plt.show()
