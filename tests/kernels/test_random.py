import numpy as np
import pytest
from numba import njit
from scipy import stats

import naive
from skebm.kernels.random import fill_normal, fill_uniform, fill_uniform_of_rows, philox
from skebm.kernels.scalar import unit_interval

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# Counter, key and result of philox4x32-10 in the file kat_vectors of Random123 (Salmon et al.).
PUBLISHED = [
    (
        "00000000 00000000 00000000 00000000",
        "00000000 00000000",
        "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    ),
    (
        "ffffffff ffffffff ffffffff ffffffff",
        "ffffffff ffffffff",
        "408f276d 41c83b0e a20bc7c6 6d5451fd",
    ),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]

# There are 26 p-values below: even one of them falls short of this by chance only once in a
# thousand seeds.
SMALLEST_P = 1e-3 / 26


def words(text):
    return tuple(int(word, 16) for word in text.split())


def filled(seed, stream, row, first, n, dtype):
    out = np.empty(n, dtype=dtype)
    fill_uniform(seed, stream, row, first, out)
    return out


def square(seed, n_rows=256, n_columns=256, stream=0, dtype=np.float64):
    rows = [filled(seed, stream, row, 0, n_columns, dtype) for row in range(n_rows)]
    return np.array(rows, dtype=np.float64)


@pytest.mark.parametrize(("counter", "key", "expected"), PUBLISHED)
def test_published_vectors(counter, key, expected):
    compiled = philox(*np.array(words(counter) + words(key), dtype=np.uint32))
    assert tuple(int(word) for word in compiled) == words(expected)
    assert naive.philox(words(counter), words(key)) == words(expected)


@each_dtype
@pytest.mark.parametrize("seed", [0, 2**32 - 1, 2**63 - 1])
@pytest.mark.parametrize("stream", [0, 2**32 - 1, 3 * 2**32 + 5])
def test_a_number_is_the_function_of_its_address_that_the_twin_computes(seed, stream, dtype):
    row, first, n = 12345, 400, 11
    expected = [naive.uniform(seed, stream, row, first + i, dtype) for i in range(n)]
    # Both are exact: no rounding takes part in the middle of a cell.
    assert filled(seed, stream, row, first, n, dtype).tolist() == expected


@each_dtype
def test_numbers_do_not_depend_on_how_a_row_is_cut(dtype):
    whole = filled(7, 3, 2, 0, 103, dtype)
    for first in range(0, 104, 4):
        for n in range(0, 103 - first + 1):
            assert np.array_equal(filled(7, 3, 2, first, n, dtype), whole[first : first + n])


@each_dtype
def test_each_part_of_the_address_counts(dtype):
    seed, stream, row, first = 5, 6, 7, 8
    addresses = [
        (seed, stream, row, first),
        (seed + 1, stream, row, first),
        (seed + 2**32, stream, row, first),
        (seed, stream + 1, row, first),
        (seed, stream + 2**32, row, first),
        (seed, stream, row + 1, first),
        (seed, stream, row, first + 4),
    ]
    numbers = np.concatenate([filled(*address, 8, dtype) for address in addresses])
    # A row from column 12 on shares four numbers with the same row from column 8 on.
    assert len(np.unique(numbers)) == len(numbers) - 4


@each_dtype
def test_numbers_are_strictly_between_0_and_1(dtype):
    @njit
    def of_bits(bits, like):
        return unit_interval(bits, like)

    lowest, highest = (of_bits(np.uint32(bits), dtype(0)) for bits in (0, 2**32 - 1))
    cells = 2.0**23 if dtype == np.float32 else 2.0**32
    assert (lowest, highest) == (0.5 / cells, 1 - 0.5 / cells)
    assert 0 < lowest < highest < 1


def samples_of(direction, dtype):
    """2**16 numbers, along one direction of the space of addresses."""
    n = 2**14
    if direction == "columns":
        return filled(11, 0, 0, 0, 4 * n, dtype)
    address = {"seed": 11, "stream": 0, "row": 0}
    rows = [filled(**(address | {direction: i}), first=0, n=4, dtype=dtype) for i in range(n)]
    return np.concatenate(rows)


@each_dtype
@pytest.mark.parametrize("direction", ["columns", "row", "stream", "seed"])
def test_numbers_are_uniform_along_every_direction_of_addresses(direction, dtype):
    numbers = samples_of(direction, dtype).astype(np.float64)
    counts = np.bincount((numbers * 256).astype(int), minlength=256)
    assert stats.chisquare(counts).pvalue > SMALLEST_P
    assert stats.kstest(numbers, "uniform").pvalue > SMALLEST_P
    # The lowest bits, too: they decide between probabilities that are close.
    cells = numbers * 2 ** (23 if dtype == np.float32 else 32)
    low = np.bincount(cells.astype(np.int64) % 64, minlength=64)
    assert stats.chisquare(low).pvalue > SMALLEST_P


@each_dtype
def test_neighbouring_addresses_are_not_correlated(dtype):
    here = square(1, dtype=dtype)
    neighbours = {
        "stream": (here, square(1, stream=1, dtype=dtype)),
        "seed": (here, square(2, dtype=dtype)),
        "row": (here[:-1], here[1:]),
        "column": (here[:, :-1], here[:, 1:]),
        "next four": (here[:, :-4], here[:, 4:]),
    }
    for name, (x, y) in neighbours.items():
        r = np.corrcoef(x.ravel(), y.ravel())[0, 1]
        # The standard error of a correlation of n independent pairs is 1 / sqrt(n).
        assert abs(r) < 4 / np.sqrt(x.size), name


def test_one_row_after_the_other_passes_a_test_of_pairs():
    # A correlation does not see every dependence: 16 by 16 cells of pairs do more.
    here = square(3)
    for x, y in [(here[:-1], here[1:]), (here[:, :-1], here[:, 1:])]:
        cells = (x.ravel() * 16).astype(int) * 16 + (y.ravel() * 16).astype(int)
        assert stats.chisquare(np.bincount(cells, minlength=256)).pvalue > SMALLEST_P


# Normals ---------------------------------------------------------------------


def normals(seed, stream, row, first, n, dtype):
    out = np.empty(n, dtype=dtype)
    fill_normal(seed, stream, row, first, out)
    return out


@each_dtype
@pytest.mark.parametrize("seed", [0, 2**63 - 1])
def test_normals_are_those_of_the_twin_at_the_address(seed, dtype):
    expected = naive.normals(seed, 3, (5, 11), dtype)
    got = [normals(seed, 3, row, 0, 11, dtype) for row in range(5)]
    np.testing.assert_allclose(got, expected, rtol=0, atol=20 * np.finfo(dtype).eps)


@each_dtype
def test_normals_do_not_depend_on_how_a_row_is_cut(dtype):
    whole = normals(7, 3, 2, 0, 103, dtype)
    for first in range(0, 104, 4):
        for n in range(0, 103 - first + 1):
            assert np.array_equal(normals(7, 3, 2, first, n, dtype), whole[first : first + n])


@each_dtype
def test_normals_are_normal_and_independent(dtype):
    z = np.array([normals(5, 0, row, 0, 256, dtype) for row in range(512)], dtype=np.float64)
    assert stats.kstest(z.ravel(), "norm").pvalue > SMALLEST_P
    # The four of one evaluation share radius and angle: neither they nor their squares correlate.
    quads = z.reshape(-1, 4)
    for values in (quads, np.square(quads)):
        r = np.corrcoef(values.T)[np.triu_indices(4, 1)]
        assert np.abs(r).max() < 4 / np.sqrt(len(quads))
    # Far out, too.
    n_beyond = np.sum(np.abs(z) > 3.5)
    expected = z.size * 2 * stats.norm.sf(3.5)
    assert abs(n_beyond - expected) < 4 * np.sqrt(expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_columns", [1, 4, 11])
def test_uniforms_of_several_rows_are_those_of_each(dtype, n_columns):
    seed, stream, first_row = 2**40 + 3, 2**33 + 5, 17
    out = np.empty((n_columns, 6), dtype=dtype)
    fill_uniform_of_rows(seed, stream, first_row, out)
    expected = np.empty((6, n_columns), dtype=dtype)
    for r in range(6):
        fill_uniform(seed, stream, first_row + r, 0, expected[r])
    np.testing.assert_array_equal(out, expected.T)
