"""
================================
Recommending films, with reasons
================================

Each user has rated only some of the items. A :class:`skebm.RatingRBM` learns from these ratings,
predicts the others, and shows which of its hidden units is responsible for a recommendation.
"""

import matplotlib.pyplot as plt
import numpy as np

from skebm import RatingRBM

# %%
# The data are generated: forty films of four kinds, and a thousand viewers. Each viewer likes some
# kinds and dislikes others; some give more stars to all films, others fewer. About one in four
# films has been seen, more often by viewers who like its kind.

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
# One in ten ratings is held out, and predicted from the others.

held_out = seen & (rng.random(X.shape) < 0.1)
known = np.where(held_out, np.nan, X)
rbm = RatingRBM(12, degree=1, learning_rate=0.03, batch_size=25, n_iter=40, random_state=0)
rbm.fit(known)


def error(predicted):
    return np.sqrt(np.mean((predicted[held_out] - X[held_out]) ** 2))


of_film = np.broadcast_to(np.nanmean(known, axis=0), X.shape)
print(f"error of the mean of the film: {error(of_film):.2f} stars")
print(f"error of the RBM:              {error(rbm.predict(known)):.2f} stars")

# %%
# What the hidden units represent
# -------------------------------
#
# A hidden unit raises or lowers the ratings of its films, by the weight of each; films with weights
# of the same sign are liked by the same viewers. The model does not know the kinds of the films.

strengths = rbm.components_[:, 0, :]
order = np.argsort(-np.abs(strengths).sum(axis=0))
figure, ax = plt.subplots(figsize=(5, 6), layout="constrained")
limit = np.abs(strengths).max()
image = ax.imshow(strengths[:, order], aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit)
ax.set_yticks(4.5 + 10 * np.arange(4), KINDS)
ax.set_xticks(np.arange(len(order)), order)
ax.set_xlabel("hidden unit")
figure.colorbar(image, label="weight of the rating")

# %%
# Why this film
# -------------
#
# We take a viewer who likes one kind and dislikes another; among these, the one with the most
# ratings. The list has the films with the highest expected ratings among those not seen. The
# contribution of a unit is its weight for the film times the distance of its activity from one
# half.

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
    with_it = np.argsort(-np.sign(strengths[film, unit]) * strengths[:, unit])
    reason = ", ".join(films[other] for other in with_it[with_it != film][:3])
    print(f"{films[film]:<20} {expected[film]:.1f} stars, because of unit {unit}, like {reason}")

figure, ax = plt.subplots(figsize=(6, 2.6), layout="constrained")
P = rbm.predict_proba(row, pairs=([0, 0], [best[0], int(np.argmin(expected))]))
for p, name, hatch in zip(P, ("highest", "lowest"), ("", "//"), strict=True):
    offset = -0.2 if name == "highest" else 0.2
    ax.bar(rbm.rating_scale_ + offset, p, width=0.4, label=f"{name} expectation", hatch=hatch)
ax.set_xlabel("stars")
ax.set_ylabel("probability")
ax.legend()
plt.show()
