"""
===========================
Generating a given digit
===========================

A classifier answers the question *which digit is this?* A generative model of digits together with
their labels also answers the reverse: *what does a seven look like?*
:class:`skebm.GenerativeDBNClassifier` is a stack of restricted Boltzmann machines, the highest of
which has labels among its visible units. To generate a digit, hold its label fixed, run a Gibbs
chain in the highest RBM, and pass the result down.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from skebm import GenerativeDBNClassifier
from skebm.plotting import SamplesDisplay

# %%
# A model of digits and labels
# ----------------------------
#
# Pixels are thresholded to 0 and 1 at half of the maximum. The layers are trained one after the
# other, and then all together by contrastive wake-sleep, ``fine_tune="up_down"``.

images, digits = load_digits(return_X_y=True)
pixels = (images > 7.5).astype(np.float32)
train, test, train_digits, test_digits = train_test_split(
    pixels, digits, test_size=300, stratify=digits, random_state=0
)
model = GenerativeDBNClassifier(
    (150, 150), rbm_n_iter=(30, 60), rbm_alpha=2e-4, fine_tune="up_down", random_state=0
)
model.fit(train, train_digits)
print(f"accuracy on test digits: {model.score(test, test_digits):.3f}")

# %%
# Digits of each class
# --------------------
#
# Each row of the figure has one label, zero at the top, and each image is the end of its own chain.
# Shown are the means of the pixels, given the layer above.

N_EACH = 8
drawn = model.sample(y=np.repeat(np.arange(10), N_EACH), n_steps=500, mean=True, random_state=0)
display = SamplesDisplay(drawn.reshape(10, N_EACH, 64)).plot()
display.ax_.set(xlabel="", ylabel="label, from 0 to 9")

# %%
# Are they the right digits?
# --------------------------
#
# A classifier trained only on real digits labels the generated ones. It agrees with most of the
# requested labels, and least for digits that look like others.

asked = np.repeat(np.arange(10), 50)
judge = KNeighborsClassifier(3).fit(train, train_digits)
agrees = judge.predict(model.sample(y=asked, n_steps=500, random_state=1)) == asked
print(f"accuracy of that classifier on real test digits: {judge.score(test, test_digits):.3f}")
print(f"agreement with the labels of generated digits:   {agrees.mean():.3f}")
print("    by digit:", *(f"{share:.2f}" for share in agrees.reshape(10, 50).mean(axis=1)))
plt.show()
