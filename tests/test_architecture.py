"""Imports of ``skebm`` point down, never in a circle, and no object reaches into another."""

import ast
import itertools
import re
import sys
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import skebm

ROOT = Path(skebm.__file__).parent
PLAN = ROOT.parent / "doc" / "architecture.rst"

# From the bottom to the top. A new chapter joins the estimators.
FLOORS = [
    {"kernels"},
    {"private modules"},
    {"memory", "boltzmann", "pairwise", "deep", "stacking", "ratings"},
    {"plotting"},
    {"skebm"},
]
HEIGHTS = {room: height for height, floor in enumerate(FLOORS) for room in floor}
# The ways between two rooms of a floor: deep networks are made of RBMs or start from them, and
# general machines are annealed and tempered as RBMs are.
SIDEWAYS = {("deep", "boltzmann"), ("stacking", "boltzmann"), ("pairwise", "boltzmann")}

# Places where an object reaches into another one, module by module, a name for each time. The
# lists may only shrink: what is not in them fails, and so does a name that is no longer needed. Of
# private names, none is left.
PRIVATE_NAMES = {}
# An object that knows what a copy of it needs makes it itself.
COPIES = {
    "_solvers": ["copy.copy"],
}
# Of a class of ours: what depends on a kind of units, rows or chains is a method of that kind.
QUESTIONS_OF_CLASS = {}
# What is no reaching in, and may stay.
EXEMPT = {
    "_streams": {"Stream": "users pass one where others pass an array"},
    "_validation": {"_getframe": "a function of sys that is documented"},
    "boltzmann.inference": {"LogPartition": "an argument may be a number or one of these"},
    "kernels._jit": {
        "_cache": "Numba has no documented way to go on without a cache",
        "_compile_for_args": "Numba has no documented way to compile elsewhere",
    },
}
KERNELS_MAY_IMPORT = {"numpy", "numba", "llvmlite", "scipy", *sys.stdlib_module_names}


def modules_below(root):
    """Return the path of each module of the package in folder `root`."""
    modules = {}
    for path in sorted(root.rglob("*.py")):
        parts = [root.name, *path.relative_to(root).with_suffix("").parts]
        if parts[-1] == "__init__":
            parts.pop()
        modules[".".join(parts)] = path
    return modules


def imports_of(module, path, modules):
    """Yield what a module imports, wherever in the file, as absolute names."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: 1 - node.level or None]
                base = ".".join([*above, *base.split(".")] if base else above)
            for alias in node.names:
                # `from package import name`: a module of it, or else its content.
                name = f"{base}.{alias.name}"
                yield name if name in modules else base


def room_of(module):
    """Return the room that a module stands in, None if the plan has none."""
    _, *rest = module.split(".")
    if not rest:
        return "skebm"
    if rest[0].startswith("_"):
        return "private modules"
    return rest[0] if rest[0] in HEIGHTS else None


def may_import(importer, imported):
    if importer == imported or (importer, imported) in SIDEWAYS:
        return True
    return HEIGHTS[importer] > HEIGHTS[imported]


def faults(root):
    """Return a sentence for each import that the plan does not allow."""
    modules = modules_below(root)
    found = [f"{module} is on no floor" for module in modules if not room_of(module)]
    graph = {}
    for module, path in modules.items():
        names = set(imports_of(module, path, modules))
        ours = {name for name in names if name.split(".")[0] == root.name}
        graph[module] = sorted(ours)
        room = room_of(module)
        if not room:
            continue
        found += [
            f"{module} imports {name}"
            for name in graph[module]
            if room_of(name) and not may_import(room, room_of(name))
        ]
        if room == "kernels":
            others = {name.split(".")[0] for name in names - ours}
            found += [f"{module} imports {name}" for name in sorted(others - KERNELS_MAY_IMPORT)]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found.append("circle: " + " -> ".join(reversed(error.args[1])))
    return found


def test_imports_of_skebm():
    assert faults(ROOT) == []


# Insides of other objects ----------------------------------------------------


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


def is_itself(node):
    """Whether an expression is ``self``, ``cls`` or ``super()``."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def calls_of(tree, *names):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names:
            yield node


def private_names(tree):
    """Yield the name of each private attribute of another object, and of each that is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and not is_itself(node.value):
            yield node.attr
        if isinstance(node, ast.ImportFrom) and node.module:
            # Of a module; `from .. import _threads` is a module itself.
            yield from (alias.name for alias in node.names if is_private(alias.name))
    for node in calls_of(tree, "getattr", "setattr", "hasattr", "delattr"):
        whose, name, *_ = node.args
        if isinstance(name, ast.Constant) and is_private(name.value) and not is_itself(whose):
            yield name.value


def copies(tree):
    """Yield "copy.copy" or "copy.deepcopy" for each call of one, under whatever name."""
    real = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "copy" and not node.level:
            real |= {alias.asname or alias.name: f"copy.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Import):
            modules = [alias.asname or "copy" for alias in node.names if alias.name == "copy"]
            both = itertools.product(modules, ("copy", "deepcopy"))
            real |= {f"{module}.{name}": f"copy.{name}" for module, name in both}
    yield from (real[ast.unparse(node.func)] for node in calls_of(tree, *real))


def questions_of_class(tree, classes):
    """Yield the name of the class, one of ``classes``, for each question who is of that class."""
    asked = [arg for node in calls_of(tree, "isinstance", "issubclass") for arg in node.args]
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(next(calls_of(ast.Expression(side), "type"), None) for side in sides):
                asked += sides
        if isinstance(node, ast.MatchClass):
            asked.append(node.cls)
    for expression in asked:
        for node in ast.walk(expression):
            name = getattr(node, "attr", getattr(node, "id", None))
            if name in classes:
                yield name


def insides(root):
    """Three dicts {module: Counter of names}: private names, copies and questions of class."""
    trees = {
        module.partition(".")[2]: ast.parse(path.read_text(encoding="utf-8"))
        for module, path in modules_below(root).items()
    }
    classes = {
        node.name
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {}, {}, {}
    for module, tree in trees.items():
        of_a_module = private_names(tree), copies(tree), questions_of_class(tree, classes)
        for places, names in zip(found, of_a_module, strict=True):
            counted = Counter(names)
            for name in EXEMPT.get(module, {}):
                counted.pop(name, None)
            if counted:
                places[module] = counted
    return found


@pytest.mark.parametrize(
    ("which", "known"),
    enumerate([PRIVATE_NAMES, COPIES, QUESTIONS_OF_CLASS]),
    ids=["private names", "copies", "questions of class"],
)
def test_no_object_reaches_into_another_in_a_new_place(which, known):
    found = insides(ROOT)[which]
    known = {module: Counter(names) for module, names in known.items()}
    new = {module: names - known.get(module, Counter()) for module, names in found.items()}
    gone = {module: names - found.get(module, Counter()) for module, names in known.items()}
    assert {module: sorted(names.elements()) for module, names in new.items() if names} == {}
    # To be struck from the list above, or else it could come back.
    assert {module: sorted(names.elements()) for module, names in gone.items() if names} == {}


def test_what_is_exempt_is_still_there():
    for module, reasons in EXEMPT.items():
        text = (ROOT / Path(*module.split("."))).with_suffix(".py").read_text(encoding="utf-8")
        assert [name for name in reasons if name not in text] == []


@pytest.mark.parametrize(
    "room", ["kernels", "boltzmann", "pairwise", "deep", "ratings", "stacking", "memory", "."]
)
def test_the_plan_tells_of_every_file_and_of_no_other(room):
    """A row of the table of a folder in the documentation for each file there."""
    if not PLAN.exists():
        pytest.skip("the documentation is not beside the package")
    introduction = "The private modules" if room == "." else f"``{room}/``"
    paragraphs = PLAN.read_text(encoding="utf-8").split("\n\n")
    table = next(
        table
        for before, table in itertools.pairwise(paragraphs)
        if introduction in before and before.endswith(":") and table.startswith("==")
    )
    rows = re.findall(r"^``([a-z_]+\.py)``", table, re.MULTILINE)
    files = {path.name for path in (ROOT / room).glob("*.py")} - {"__init__.py"}
    assert sorted(rows) == sorted(files)


# Planted faults --------------------------------------------------------------

SOUND = {
    "__init__.py": "from ._version import __version__\nfrom .deep import DBN",
    "_version.py": "from .kernels import fill",
    "boltzmann/__init__.py": "from .bernoulli import RBM",
    "boltzmann/bernoulli.py": "from . import units\nfrom .._version import x",
    "boltzmann/units.py": "import sklearn\nfrom ..kernels.layers import sigmoid",
    "deep/__init__.py": "from skebm.boltzmann import RBM",
    "kernels/__init__.py": "from .layers import fill",
    "kernels/layers.py": "import math\nimport numpy as np",
}


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        ({}, None),
        (
            {"boltzmann/units.py": "def f():\n    from .bernoulli import RBM"},
            "circle: skebm.boltzmann.bernoulli -> skebm.boltzmann.units"
            " -> skebm.boltzmann.bernoulli",
        ),
        (
            {"_version.py": "import skebm.boltzmann.units"},
            "skebm._version imports skebm.boltzmann.units",
        ),
        (
            {"boltzmann/units.py": "from .. import __version__"},
            "skebm.boltzmann.units imports skebm",
        ),
        (
            {"boltzmann/units.py": "from ..deep import DBN"},
            "skebm.boltzmann.units imports skebm.deep",
        ),
        (
            {"kernels/layers.py": "import sklearn.utils"},
            "skebm.kernels.layers imports sklearn",
        ),
        ({"new/model.py": ""}, "skebm.new.model is on no floor"),
    ],
    ids=["none", "circle", "up", "up to the top", "sideways", "foreign", "no floor"],
)
def test_a_planted_fault_is_found(planted, fault, tmp_path):
    root = tmp_path / "skebm"
    for name, content in (SOUND | planted).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")

    found = faults(root)

    assert found == [] if fault is None else fault in found


SOUND_OBJECTS = """
import copy as other
from ..kernels.layers import copy
from . import _rows

class Units:
    def ask(self, rows):
        self._own = super()._own, cls._own
        return rows.__class__, copy(rows), rows.copy(), isinstance(rows, list), type(rows)(3)
"""


@pytest.mark.parametrize(
    ("line", "which", "name"),
    [
        ("rbm._machine", 0, "_machine"),
        ("self.rbms_[0]._machine = 1", 0, "_machine"),
        ("rows.of(self)._data()", 0, "_data"),
        ("getattr(rbm, '_machine', None)", 0, "_machine"),
        ("from .units import _bias", 0, "_bias"),
        ("import copy; copy.copy(rbm)", 1, "copy.copy"),
        ("import copy as c; c.deepcopy(rbm)", 1, "copy.deepcopy"),
        ("from copy import copy as twin; twin(rbm)", 1, "copy.copy"),
        ("isinstance(x, Units)", 2, "Units"),
        ("issubclass(Units, x)", 2, "Units"),
        ("issubclass(x, (list, units.Units))", 2, "Units"),
        ("isinstance(x, list | Units)", 2, "Units"),
        ("type(x) is Units", 2, "Units"),
        ("type(x.y) in (Units, list)", 2, "Units"),
        ("match x:\n    case Units(): pass", 2, "Units"),
    ],
)
def test_a_planted_look_inside_is_found(line, which, name, tmp_path):
    root = tmp_path / "skebm"
    root.mkdir()
    (root / "units.py").write_text(SOUND_OBJECTS)
    assert insides(root) == ({}, {}, {})

    (root / "rbm.py").write_text(line)
    expected = [{}, {}, {}]
    expected[which] = {"rbm": Counter([name])}
    assert list(insides(root)) == expected


@pytest.mark.skipif(not PLAN.exists(), reason="the documentation is not beside the package")
def test_the_traced_fits_name_files_and_functions_that_exist():
    _, _, traces = PLAN.read_text(encoding="utf-8").partition(".. _three_fits:")
    traces, _, _ = traces.partition("Where rows come from")
    lines = re.findall(r"^ {4,}([\w/]+\.py) +(\S*)", traces, flags=re.MULTILINE)
    assert len(lines) > 60
    for path, first_word in lines:
        source = (ROOT / path).read_text(encoding="utf-8")
        name = first_word.rstrip(":,").rpartition(".")[2]
        if "_" in name or first_word.endswith(":"):
            assert name in source, f"{path} has no {name}"
