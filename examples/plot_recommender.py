"""
======================
A recommender with why
======================

Few have rated much, and all have left most out. A :class:`skebm.RatingRBM` learns from what there
is, says what somebody would think of the rest, and which of its hidden units has made it say so.
"""

import matplotlib.pyplot as plt
import numpy as np

from skebm import RatingRBM

# %%
# Forty films of four kinds, and a thousand people. Each likes some kinds and not others; some give
# high stars to all, others low ones; and one in four films or so has been seen, by fans more often.

rng = np.random.default_rng(0)
KINDS = ["western", "musical", "horror", "science fiction"]
n_users, kind = 1000, np.repeat(np.arange(4), 10)
films = [f"{KINDS[k]} {n % 10 + 1}" for n, k in enumerate(kind)]
taste = rng.choice([-1.0, 0.0, 1.0], size=(n_users, 4))
opinion = 3.2 + 0.9 * taste[:, kind] + 0.4 * rng.normal(size=(n_users, 1))
opinion += 0.3 * rng.normal(size=40) + 0.6 * rng.normal(size=(n_users, 40))
stars = opinion.round().clip(1, 5)
seen = rng.random(stars.shape) < 0.2 + 0.15 * (taste[:, kind] > 0)
X = np.where(seen, stars, np.nan)

# %%
# Stars that are hidden from the model
# ------------------------------------
#
# One in ten is held out. The others say what it would have been.

held_out = seen & (rng.random(X.shape) < 0.1)
known = np.where(held_out, np.nan, X)
rbm = RatingRBM(12, degree=1, learning_rate=0.03, batch_size=25, n_iter=40, random_state=0)
rbm.fit(known)


def error(predicted):
    return np.sqrt(np.mean((predicted[held_out] - X[held_out]) ** 2))


of_film = np.broadcast_to(np.nanmean(known, axis=0), X.shape)
print(f"error, by the mean of the film: {error(of_film):.2f} stars")
print(f"error of the machine:           {error(rbm.predict(known)):.2f} stars")

# %%
# Which unit joins which films
# ----------------------------
#
# A hidden unit draws all its films up or all of them down, by the weight of each; films with
# weights of one sign are liked by the same people. No one has told the machine of kinds.

strengths = rbm.components_[:, 0, :]
most = np.argsort(-np.abs(strengths).sum(axis=0))[:8]
figure, ax = plt.subplots(figsize=(5, 6), layout="constrained")
limit = np.abs(strengths).max()
image = ax.imshow(strengths[:, most], aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit)
ax.set_yticks(4.5 + 10 * np.arange(4), KINDS)
ax.set_xticks(np.arange(len(most)), most)
ax.set_xlabel("hidden unit")
figure.colorbar(image, label="weight of the rating")

# %%
# Why this film
# -------------
#
# For one viewer who likes one kind and dislikes another, and of those the one who has rated most:
# the films with the highest expectations among those not seen. What a unit adds is
# its weight for the film times how far it is from undecided.

decided = np.ptp(taste, axis=1) == 2
viewer = int(np.argmax(decided * np.isfinite(known).sum(axis=1)))
row = known[[viewer]]
best = rbm.recommend(row, n_items=5)[0]
leaning = rbm.transform(row)[0] - 0.5
print(f"\ntaste: {dict(zip(KINDS, taste[viewer].tolist(), strict=True))}")
expected = rbm.predict(row)[0]
for film in best:
    says = strengths[film] * leaning
    unit = int(np.argmax(says))
    with_it = np.argsort(-np.sign(strengths[film, unit]) * strengths[:, unit])[:3]
    reason = ", ".join(films[other] for other in with_it if other != film)
    print(f"{films[film]:<20} {expected[film]:.1f} stars, by unit {unit}, as {reason}")

figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
P = rbm.predict_proba(row, pairs=([0, 0], [best[0], int(np.argmin(expected))]))
for p, name, hatch in zip(P, ("highest", "lowest"), ("", "//"), strict=True):
    offset = -0.2 if name == "highest" else 0.2
    ax.bar(rbm.rating_scale_ + offset, p, width=0.4, label=f"{name} expectation", hatch=hatch)
ax.set_xlabel("stars")
ax.set_ylabel("probability")
ax.legend()
plt.show()
