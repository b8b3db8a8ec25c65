"""``fit`` and ``partial_fit`` of the estimators that train epoch by epoch."""

from typing import ClassVar

from ._callbacks import CallbackSupportMixin, fitting, tasks
from ._checks import check_parameters
from ._messages import messages_for
from ._threads import one_blas_thread


class TrainedInEpochs(CallbackSupportMixin):
    """Mixin: ``fit`` and ``partial_fit`` call :meth:`_fit` and :meth:`_partial_fit`.

    A subclass implements the training on the data (``_training``), an epoch of it (``_run_epoch``)
    or a single pass over the rows (``_take_steps``), whether there is a model to continue with
    (``_is_trained``), how results become fitted attributes (``_publish``), the report of an epoch
    (``_report``) and what is done after the last epoch (``_end``). The object that ``_training``
    returns has an attribute ``is_over``.
    """

    # Name of a task of callbacks, and number of tasks before the first of these.
    _name_of_task: ClassVar = "epoch"
    _n_tasks_before = 0

    def _n_tasks(self):
        """Largest number of epochs."""
        return self._parameters.n_iter

    def _fit(self, X, y):
        """Train for up to ``n_iter`` epochs, and keep the result of each: ``fit``."""
        self.__skebm_check__()
        report, most = messages_for(self).report or self._report, self._n_tasks()
        progress = self._init_callback_context(max_subtasks=most + self._n_tasks_before)
        with fitting(self, progress, X, y) as commit, one_blas_thread():
            goes_on = getattr(self, "warm_start", False) and self._is_trained()
            training = self._training(X, y, goes_on, progress, commit, watched=True)
            self._publish(training)

            def keep():
                self._publish(training)
                commit()

            for number in tasks(self, progress, self._name_of_task, most, training):
                measured = self._run_epoch(training, number, keep)
                keep()
                report(number + 1, measured)
            self._end(training)
        return self

    def _partial_fit(self, X, y):
        """Train in one pass over the rows: ``partial_fit``."""
        self.__skebm_check__()
        n_tasks = 1 + self._n_tasks_before
        progress = self._init_callback_context(task_name="partial_fit", max_subtasks=n_tasks)
        with fitting(self, progress, X, y) as commit, one_blas_thread():
            task = progress.subcontext(task_name="epoch").call_on_fit_task_begin(estimator=self)
            goes_on = self._is_trained()
            training = self._training(X, y, goes_on, progress, commit, watched=False)
            self._take_steps(training)
            self._publish(training)
            task.call_on_fit_task_end(estimator=self)
        return self

    def __skebm_check__(self):
        """Raise an error if a parameter is not valid; nothing is changed."""
        check_parameters(self, self._parameter_checks)

    def _training(self, X, y, goes_on, progress, commit, watched):
        """The training on these data, an object that ``_run_epoch`` and ``_take_steps`` use.

        Parameters
        ----------
        X, y : object
            The arguments of ``fit``.
        goes_on : bool
            Whether to continue from the fitted model, instead of starting a new one.
        progress : callback context
            For tasks that come before the epochs, such as pre-training.
        commit : callable
            Called when the present state is to be kept if training is interrupted.
        watched : bool
            Whether measurements follow each epoch.
        """
        raise NotImplementedError

    def _run_epoch(self, training, number, after_round):
        """Train once on the rows; return a dict of measurements.

        If training is in rounds, ``after_round`` is called after each of them, when the model is
        complete.
        """
        raise NotImplementedError

    def _take_steps(self, training):
        """Train once on the rows, without measurements."""
        raise NotImplementedError

    def _is_trained(self):
        """Whether there is a model with which training can continue."""
        raise NotImplementedError

    def _publish(self, training):
        """Copy the results of training to the fitted attributes."""
        raise NotImplementedError

    def _report(self, number, measured):
        """Print the measurements of an epoch, counted from 1, if ``verbose`` is set."""
        raise NotImplementedError

    def _end(self, training):
        """Do what remains after the last epoch."""
