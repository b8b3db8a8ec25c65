"""
===========================
Drawing a digit on demand
===========================

A classifier answers *which digit is this?* A generative model of digits together with their labels
also answers the reverse: *what does a seven look like?* :class:`skebm.GenerativeDBNClassifier` is a
stack of restricted Boltzmann machines whose highest one sees labels beside features. Hold the label
fixed, let the rest run, and pass the result down.
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
# Pixels become 0 and 1 at half of the full ink. Layers are trained one after the other, and then
# all together by contrastive wake-sleep, ``fine_tune="up_down"``.

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
# Sevens, please
# --------------
#
# One row of pictures for each label, zero at the top, and one chain for each picture. Drawn are the
# means of the pixels, given the layer above.

N_EACH = 8
drawn = model.sample(y=np.repeat(np.arange(10), N_EACH), n_steps=500, mean=True, random_state=0)
display = SamplesDisplay(drawn.reshape(10, N_EACH, 64)).plot()
display.ax_.set(xlabel="", ylabel="label, from 0 to 9")

# %%
# As asked for?
# -------------
#
# A classifier that has seen no more than the real training digits says which ones were drawn. It
# agrees with most of them, and least about those digits that look like others.

asked = np.repeat(np.arange(10), 50)
judge = KNeighborsClassifier(3).fit(train, train_digits)
agrees = judge.predict(model.sample(y=asked, n_steps=500, random_state=1)) == asked
print(f"it is right about real test digits:   {judge.score(test, test_digits):.3f}")
print(f"it agrees about digits that are drawn: {agrees.mean():.3f}")
print("    by digit:", *(f"{share:.2f}" for share in agrees.reshape(10, 50).mean(axis=1)))
plt.show()
