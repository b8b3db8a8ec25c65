"""The imports of ``skebm`` point down, and never in a circle."""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import skebm

# From the bottom to the top. A new chapter joins the estimators.
FLOORS = [
    {"kernels"},
    {"private modules"},
    {"memory", "boltzmann", "deep", "stacking"},
    {"plotting"},
    {"skebm"},
]
HEIGHTS = {room: height for height, floor in enumerate(FLOORS) for room in floor}
# The ways between two rooms of a floor: deep networks are made of RBMs or start from them.
SIDEWAYS = {("deep", "boltzmann"), ("stacking", "boltzmann")}
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
    assert faults(Path(skebm.__file__).parent) == []


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
