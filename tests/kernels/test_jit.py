"""Compiled functions, and what they may ask of the surroundings."""

import ast
import errno
import importlib.util
import inspect
import os
import pkgutil
import signal
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest
from numba import types
from numba.core.caching import IndexDataCacheFile
from numba.core.registry import CPUDispatcher

import skebm.kernels
from skebm import BernoulliRBM, DBNClassifier, DSNClassifier, HopfieldMemory
from skebm.kernels._jit import borrowing

MODULE = """
from skebm.kernels._jit import kernel

@kernel
def twice(x):
    return x + x
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """A function that loads a module with a kernel, as a new process would."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "module_with_a_kernel.py"
    path.write_text(MODULE)

    def load():
        spec = importlib.util.spec_from_file_location("module_with_a_kernel", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.twice

    return load


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("length", [0, 20, -20])
def test_a_cache_that_was_cut_short_is_made_again(load, tmp_path, ending, length):
    assert load()(4) == 8
    (path,) = tmp_path.rglob(f"*.{ending}")
    path.write_bytes(path.read_bytes()[:length])
    assert load()(4) == 8
    again = load()
    assert again(4) == 8
    assert sum(again.stats.cache_hits.values()) == 1


def test_a_full_disk_is_no_error(load, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", fail)
    assert load()(4) == 8


def test_without_the_compiler_the_import_says_what_to_do():
    result = subprocess.run(
        [sys.executable, "-c", "import skebm"],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "ImportError: skebm needs Numba's compiler, which NUMBA_DISABLE_JIT=1 turns off. Remove "
        "NUMBA_DISABLE_JIT from the environment before Python starts, or set it to 0."
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupt_does_not_wait_for_the_compiler_and_leaves_it_usable(load, monkeypatch):
    twice = load()
    begun, go_on = threading.Event(), threading.Event()
    compile_function = type(twice).compile

    def compile_slowly(*arguments):
        assert threading.current_thread() is not threading.main_thread()
        begun.set()
        assert go_on.wait(60)
        return compile_function(*arguments)

    def press_ctrl_c():
        assert begun.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(type(twice), "compile", compile_slowly)
    thread = threading.Thread(target=press_ctrl_c)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        twice(4)
    thread.join()
    go_on.set()
    assert twice(4) == 8


def test_an_error_of_the_compiler_is_raised(load):
    with pytest.raises(numba.TypingError):
        load()({"no": "number"})


def first_of_a_new_array(n):
    return np.empty(n, np.complex64)[0]  # a type for which nobody else compiles this


def test_numba_still_has_its_undocumented_option_not_to_count_references():
    # Without a count, an array cannot be made. If this passes silently, ``_nrt`` has lost its
    # meaning: see what short steps cost, and let ``borrowing`` go.
    with pytest.raises(numba.TypingError, match="Only accept returning of array passed into"):
        borrowing(first_of_a_new_array)(3)


def modules_of_kernels():
    for module in pkgutil.iter_modules(skebm.kernels.__path__, "skebm.kernels."):
        yield importlib.import_module(module.name)


def is_made_in_c(type_):
    """Whether Numba makes an object of this type for Python without running Python code."""
    if isinstance(type_, types.Tuple | types.UniTuple):
        return all(map(is_made_in_c, type_))
    return isinstance(type_, types.Number | types.Boolean | types.NoneType)


def test_no_kernel_returns_an_array_to_python():
    # Some estimators of all kinds, so that many kernels have been called.
    X, y = np.random.default_rng(0).random((40, 12)), np.arange(40) % 2
    BernoulliRBM(8, n_iter=1).fit(X).sample(3, 2)
    DBNClassifier((8, 4), rbm_n_iter=1, max_iter=1).fit(X, y)
    DSNClassifier(8, n_modules=1, max_iter=1).fit(X, y)
    HopfieldMemory().fit(X[:1] > 0.5).recall(X > 0.5)
    n_called = 0
    for module in modules_of_kernels():
        for name, thing in vars(module).items():
            if not isinstance(thing, CPUDispatcher) or "no_cpython_wrapper" in thing.targetoptions:
                continue
            for signature in thing.nopython_signatures:
                n_called += 1
                assert is_made_in_c(signature.return_type), f"{module.__name__}.{name}: {signature}"
    assert n_called > 20


def copies_by_slices(module):
    """Assignments of anything but a number to a slice, in the source of a module."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Constant):
            for target in node.targets:
                if any(isinstance(part, ast.Slice) for part in ast.walk(target)):
                    yield f"{module.__name__}: {ast.unparse(node)}"


# Kernels that others call. For a constant argument, Numba would compile them again.
LONG_KERNELS = {"fill_uniform", "fill_normal", "settle_row"}


def constants_of_another_type(module):
    """Calls of long kernels with a constant as an argument, in the source of a module."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        is_call = isinstance(node, ast.Call) and ast.unparse(node.func) in LONG_KERNELS
        if is_call and any(isinstance(argument, ast.Constant) for argument in node.args):
            yield f"{module.__name__}: {ast.unparse(node)}"


def test_no_kernel_copies_by_slices_which_take_seconds_to_compile():
    assert [found for module in modules_of_kernels() for found in copies_by_slices(module)] == []


def test_long_kernels_are_not_compiled_again_for_constants():
    found = [call for module in modules_of_kernels() for call in constants_of_another_type(module)]
    assert found == []
