"""Vectors: neighbouring numbers of a row, as many as fill a cache line, held in registers.

A sum of listed rows is bound by loads and stores if the sum itself lives in memory. The compiler
does not keep it in registers of its own accord; with the functions here, a kernel says so. On a
processor with narrower registers a vector is compiled to several of them.
"""

from numba import types
from numba.core import cgutils
from numba.core.cgutils import ir
from numba.core.errors import TypingError
from numba.extending import intrinsic, models, overload, register_model

LINE_BYTES = 64


class Vector(types.Type):
    """Numba's type of a vector of numbers of one type."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.n_lanes = 8 * LINE_BYTES // dtype.bitwidth
        super().__init__(name=f"Vector({dtype})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        number = manager.lookup(vector.dtype).get_value_type()
        super().__init__(manager, vector, ir.VectorType(number, vector.n_lanes))


def n_lanes(array):
    """Numbers of a vector of the type of ``array``."""
    return LINE_BYTES // array.itemsize


@overload(n_lanes)
def _n_lanes(array):
    number = LINE_BYTES * 8 // array.dtype.bitwidth
    return lambda array: number


def _check(array):
    if array.layout != "C":
        raise TypingError(f"A vector is part of a C-contiguous array. Got {array} instead.")


def _pointer(context, builder, array_type, vector_type, array, row, column):
    """Where the vector starts, and on what that start is sure to be aligned."""
    pointer = cgutils.get_item_pointer(
        context,
        builder,
        array_type,
        context.make_array(array_type)(context, builder, array),
        [row, column],
        wraparound=False,
    )
    return builder.bitcast(pointer, ir.PointerType(vector_type)), array_type.dtype.bitwidth // 8


@intrinsic
def load(typing_context, array, row, column):
    """The vector that starts at ``array[row, column]``; the row reaches to its end."""
    _check(array)
    vector = Vector(array.dtype)

    def generate(context, builder, signature, arguments):
        value_type = context.get_value_type(vector)
        pointer, alignment = _pointer(context, builder, array, value_type, *arguments)
        return builder.load(pointer, align=alignment)

    return vector(array, types.intp, types.intp), generate


@intrinsic
def store(typing_context, array, row, column, vector):
    """Write ``vector`` to the places from ``array[row, column]`` on."""
    _check(array)

    def generate(context, builder, signature, arguments):
        *place, value = arguments
        pointer, alignment = _pointer(context, builder, array, value.type, *place)
        builder.store(value, pointer, align=alignment)
        return context.get_dummy_value()

    return types.none(array, types.intp, types.intp, vector), generate


@intrinsic
def spread(typing_context, number):
    """The vector that has ``number`` in every lane."""
    vector = Vector(number)

    def generate(context, builder, signature, arguments):
        undefined = ir.Constant(context.get_value_type(vector), ir.Undefined)
        first = builder.insert_element(undefined, arguments[0], ir.IntType(32)(0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), vector.n_lanes), None)
        return builder.shuffle_vector(first, undefined, lanes)

    return vector(number), generate


@intrinsic
def multiply_add(typing_context, a, b, c):
    """``a * b + c``, lane by lane."""

    def generate(context, builder, signature, arguments):
        a, b, c = arguments
        return builder.fadd(builder.fmul(a, b, ("contract",)), c, ("contract",))

    return c(a, b, c), generate


@intrinsic
def total(typing_context, vector):
    """Sum of the lanes."""

    def generate(context, builder, signature, arguments):
        number = context.get_value_type(vector.dtype)
        kind = f"v{vector.n_lanes}f{vector.dtype.bitwidth}"
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(number, [number, arguments[0].type]),
            f"llvm.vector.reduce.fadd.{kind}",
        )
        zero = ir.Constant(number, 0.0)
        return builder.call(function, [zero, arguments[0]], fastmath=("reassoc",))

    return vector.dtype(vector), generate
