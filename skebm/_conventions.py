"""Names that mean the same in all estimators, beyond those that scikit-learn settles."""

# What learning lowers, by its name in ``history_``, and the factor that makes it a loss. Where the
# loss itself cannot be computed, what says most about it comes first.
_LOSSES = {"loss": 1, "rmse": 1, "pseudo_likelihood": -1, "reconstruction_error": 1}


class HasHistory:
    """Mixin: an estimator that learns in steps and keeps in ``history_`` what it measured."""

    @property
    def loss_curve_(self) -> list[float]:
        """What learning lowers, after each epoch; see ``history_`` for all that is measured."""
        for name, factor in _LOSSES.items():
            if name in self.history_:
                return [factor * value for value in self.history_[name]]
        return []


class HasFeaturesOut:
    """Mixin: a transformer that says how many features it returns."""

    @property
    def n_features_out_(self) -> int:
        """Number of features that ``transform`` returns."""
        return len(self.get_feature_names_out())
