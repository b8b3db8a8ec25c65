"""Vectors in registers: neighbouring numbers of a row that fill a cache line.

A sum of listed rows is limited by loads and stores if the sum is in memory. The compiler does not
keep it in registers automatically; with the functions here, a kernel does so explicitly. On a
processor with narrower registers a vector is compiled to several of them.
"""

from llvmlite import binding
from numba import config, types
from numba.core import cgutils
from numba.core.cgutils import ir
from numba.core.errors import TypingError
from numba.extending import intrinsic, models, overload, register_model

LINE_BYTES = 64


def _has_avx512():
    """Whether code is compiled for 32 registers as wide as a cache line."""
    if config.CPU_FEATURES is None:
        return bool(binding.get_host_cpu_features().get("avx512f", False))
    return "+avx512f" in config.CPU_FEATURES


HAS_AVX512 = _has_avx512()

# Whether the processor can pack the lanes that a mask selects, and the compiler supports this.
PACKS_LANES = HAS_AVX512 and binding.llvm_version_info >= (20,)


class Vector(types.Type):
    """Numba type of a vector of numbers."""

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
    """Number of lanes of a vector with the type of ``array``."""
    return LINE_BYTES // array.itemsize


@overload(n_lanes)
def _n_lanes(array):
    number = LINE_BYTES * 8 // array.dtype.bitwidth
    return lambda array: number


def _check(array):
    if array.layout != "C":
        raise TypingError(f"A vector is part of a C-contiguous array. Got {array} instead.")


def _pointer(context, builder, array_type, vector_type, array, row, column):
    """Pointer to the start of the vector, and its guaranteed alignment."""
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
    """Load the vector that starts at ``array[row, column]``; the row must contain all of it."""
    _check(array)
    vector = Vector(array.dtype)

    def generate(context, builder, signature, arguments):
        value_type = context.get_value_type(vector)
        pointer, alignment = _pointer(context, builder, array, value_type, *arguments)
        return builder.load(pointer, align=alignment)

    return vector(array, types.intp, types.intp), generate


@intrinsic
def store(typing_context, array, row, column, vector):
    """Store ``vector`` from ``array[row, column]`` on."""
    _check(array)

    def generate(context, builder, signature, arguments):
        *place, value = arguments
        pointer, alignment = _pointer(context, builder, array, value.type, *place)
        builder.store(value, pointer, align=alignment)
        return context.get_dummy_value()

    return types.none(array, types.intp, types.intp, vector), generate


@intrinsic
def load_row(typing_context, array, row, column, like):
    """Load neighbouring vectors from ``array[row, column]`` on: a tuple as long as ``like``."""
    _check(array)
    vectors = types.UniTuple(Vector(array.dtype), like.count)

    def generate(context, builder, signature, arguments):
        *place, _ = arguments
        pointers = _neighbours_in_memory(context, builder, array, place, like.count)
        loaded = [builder.load(pointer, align=alignment) for pointer, alignment in pointers]
        return cgutils.pack_array(builder, loaded)

    return vectors(array, types.intp, types.intp, like), generate


@intrinsic
def add_scaled_row(typing_context, factor, array, row, column, sums):
    """Add ``factor`` times neighbouring vectors of a row to ``sums``, and return these.

    The first vector is at ``array[row, column]``, see :func:`load_row`.
    """
    _check(array)

    def generate(context, builder, signature, arguments):
        factor, *place, sums = arguments
        sums = cgutils.unpack_tuple(builder, sums)
        pointers = _neighbours_in_memory(context, builder, array, place, len(sums))
        # One after another, because narrow registers cannot hold all vectors and all sums.
        for number, (pointer, alignment) in enumerate(pointers):
            product = builder.fmul(factor, builder.load(pointer, align=alignment), ("contract",))
            sums[number] = builder.fadd(product, sums[number], ("contract",))
        return cgutils.pack_array(builder, sums)

    return sums(factor, array, types.intp, types.intp, sums), generate


@intrinsic
def store_row(typing_context, array, row, column, vectors):
    """Store neighbouring vectors from ``array[row, column]`` on."""
    _check(array)

    def generate(context, builder, signature, arguments):
        *place, vectors = arguments
        values = cgutils.unpack_tuple(builder, vectors)
        pointers = _neighbours_in_memory(context, builder, array, place, len(values))
        for value, (pointer, alignment) in zip(values, pointers, strict=True):
            builder.store(value, pointer, align=alignment)
        return context.get_dummy_value()

    return types.none(array, types.intp, types.intp, vectors), generate


def _neighbours_in_memory(context, builder, array_type, place, n):
    """Pointers to ``n`` neighbouring vectors, the first at ``place``, with alignments."""
    vector = Vector(array_type.dtype)
    value_type = context.get_value_type(vector)
    array, row, column = place
    for number in range(n):
        at = array, row, builder.add(column, column.type(number * vector.n_lanes))
        yield _pointer(context, builder, array_type, value_type, *at)


@intrinsic
def spread(typing_context, number):
    """The vector with ``number`` in every lane."""
    vector = Vector(number)

    def generate(context, builder, signature, arguments):
        undefined = ir.Constant(context.get_value_type(vector), ir.Undefined)
        first = builder.insert_element(undefined, arguments[0], ir.IntType(32)(0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), vector.n_lanes), None)
        return builder.shuffle_vector(first, undefined, lanes)

    return vector(number), generate


@intrinsic
def multiply(typing_context, a, b):
    """``a * b``, lane by lane."""

    def generate(context, builder, signature, arguments):
        return builder.fmul(*arguments)

    return a(a, b), generate


@intrinsic
def multiply_add(typing_context, a, b, c):
    """``a * b + c``, lane by lane."""

    def generate(context, builder, signature, arguments):
        a, b, c = arguments
        return builder.fadd(builder.fmul(a, b, ("contract",)), c, ("contract",))

    return c(a, b, c), generate


@intrinsic
def total(typing_context, vector):
    """The sum of all lanes."""

    def generate(context, builder, signature, arguments):
        kind, number = arguments[0].type, arguments[0].type.element
        add_up = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(number, [number, kind]),
            f"llvm.vector.reduce.fadd.v{kind.count}f{vector.dtype.bitwidth}",
        )
        return builder.call(
            add_up, [ir.Constant(number, -0.0), arguments[0]], fastmath=("reassoc",)
        )

    return vector.dtype(vector), generate


@intrinsic
def store_nonzero(typing_context, rows, row, column, numbers, values, to, place):
    """List the lanes of the vector at ``rows[row, column]`` that are not zero; returns how many.

    Their columns and values are stored from ``numbers[to, place]`` and ``values[to, place]`` on;
    the rest of a vector there is overwritten with arbitrary values. Without ``PACKS_LANES``, this
    is slow or does not compile.
    """
    for array in (rows, numbers, values):
        _check(array)
    vector = Vector(rows.dtype)
    n_lanes = vector.n_lanes
    signature = types.intp(rows, types.intp, types.intp, numbers, values, types.intp, types.intp)

    def generate(context, builder, signature, arguments):
        rows, row, column, numbers, values, to, place = arguments
        value_type = context.get_value_type(vector)
        pointer, alignment = _pointer(
            context, builder, signature.args[0], value_type, rows, row, column
        )
        states = builder.load(pointer, align=alignment)
        chosen = builder.fcmp_unordered("!=", states, ir.Constant(value_type, None))
        columns = _neighbours(builder, column, n_lanes)
        for lanes, kind, array, array_type in [
            (columns, "i32", numbers, signature.args[3]),
            (states, f"f{vector.dtype.bitwidth}", values, signature.args[4]),
        ]:
            pack = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(lanes.type, [lanes.type, chosen.type, lanes.type]),
                f"llvm.experimental.vector.compress.v{n_lanes}{kind}",
            )
            packed = builder.call(pack, [lanes, chosen, ir.Constant(lanes.type, ir.Undefined)])
            pointer, alignment = _pointer(
                context, builder, array_type, lanes.type, array, to, place
            )
            builder.store(packed, pointer, align=alignment)
        bits = builder.bitcast(chosen, ir.IntType(n_lanes))
        return builder.zext(builder.ctpop(bits), context.get_value_type(types.intp))

    return signature, generate


def _neighbours(builder, first, n_lanes):
    """The vector of ``first`` and the following integers, with 32 bits."""
    vector_type = ir.VectorType(ir.IntType(32), n_lanes)
    undefined = ir.Constant(vector_type, ir.Undefined)
    first = builder.trunc(first, ir.IntType(32))
    spread_out = builder.shuffle_vector(
        builder.insert_element(undefined, first, ir.IntType(32)(0)),
        undefined,
        ir.Constant(vector_type, None),
    )
    return builder.add(spread_out, ir.Constant(vector_type, list(range(n_lanes))))
