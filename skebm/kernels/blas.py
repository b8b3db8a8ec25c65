"""Matrix products of parts of arrays, written to parts of arrays, without a copy.

Numba's product accepts whole arrays only. Here SciPy's BLAS, which Numba also calls, gets the
distance between rows in addition to their length. The address of the function differs between
processes. It is an argument, because cached compiled code must not contain it.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import get_cython_function_address, intrinsic

from ._jit import inlined, kernel

GEMM = {
    np.dtype(np.float32): get_cython_function_address("scipy.linalg.cython_blas", "sgemm"),
    np.dtype(np.float64): get_cython_function_address("scipy.linalg.cython_blas", "dgemm"),
}

_AS_IS, _TRANSPOSED = np.int8(ord("N")), np.int8(ord("T"))


@intrinsic
def _call_gemm(
    typing_context, address, turn_a, turn_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc
):
    """Call BLAS, for which every argument is a pointer; arrays are passed as addresses."""
    flag, size, pointer = types.int8, types.int32, types.int64
    signature = types.void(
        pointer,
        flag,
        flag,
        size,
        size,
        size,
        alpha,
        pointer,
        size,
        pointer,
        size,
        beta,
        pointer,
        size,
    )

    def generate(context, builder, signature, arguments):
        any_pointer = ir.IntType(8).as_pointer()
        function_type = ir.FunctionType(ir.VoidType(), [any_pointer] * (len(arguments) - 1))
        function = builder.inttoptr(arguments[0], function_type.as_pointer())
        pointers = []
        for argument, argument_type in zip(arguments[1:], signature.args[1:], strict=True):
            if argument_type == pointer:
                pointers.append(builder.inttoptr(argument, any_pointer))
            else:
                copy = cgutils.alloca_once_value(builder, argument)
                pointers.append(builder.bitcast(copy, any_pointer))
        builder.call(function, pointers)
        return context.get_dummy_value()

    return signature, generate


@inlined
def _place(array, offset):
    """Address of the element at this offset from the first one."""
    return np.int64(array.ctypes.data) + np.int64(offset * array.itemsize)


# BLAS is column-major: each array is transposed for it, and so is the product. Therefore the
# factors are exchanged below.


@kernel
def multiply_columns(gemm, a, b, first, stop, out):
    """``out[:, first:stop] = a @ b[:, first:stop]``."""
    one, zero = a.dtype.type(1), a.dtype.type(0)
    n_rows, n_inner = np.int32(a.shape[0]), np.int32(a.shape[1])
    ldb, ldc, width = np.int32(b.shape[1]), np.int32(out.shape[1]), np.int32(stop - first)
    _call_gemm(
        gemm, _AS_IS, _AS_IS, width, n_rows, n_inner,
        one, _place(b, first), ldb, _place(a, 0), n_inner, zero, _place(out, first), ldc,
    )  # fmt: skip


@kernel
def multiply_by_rows(gemm, a, b, first, stop, out):
    """``out[:, first:stop] = a @ b[first:stop].T``."""
    one, zero = a.dtype.type(1), a.dtype.type(0)
    n_rows, n_inner = np.int32(a.shape[0]), np.int32(a.shape[1])
    ldc, width = np.int32(out.shape[1]), np.int32(stop - first)
    _call_gemm(
        gemm, _TRANSPOSED, _AS_IS, width, n_rows, n_inner,
        one, _place(b, first * b.shape[1]), n_inner, _place(a, 0), n_inner,
        zero, _place(out, first), ldc,
    )  # fmt: skip


@kernel
def multiply_transposed(gemm, a, b, first, add, out):
    """``out = a[:, first:].T @ b``, or ``+=`` with ``add``, for the number of rows of ``out``."""
    one, beta = a.dtype.type(1), a.dtype.type(add)
    n_rows, lda = np.int32(a.shape[0]), np.int32(a.shape[1])
    height, width = np.int32(out.shape[0]), np.int32(out.shape[1])
    _call_gemm(
        gemm, _AS_IS, _TRANSPOSED, width, height, n_rows,
        one, _place(b, 0), width, _place(a, first), lda, beta, _place(out, 0), width,
    )  # fmt: skip
