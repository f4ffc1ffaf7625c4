"""The hash of the code behind a result, so that edited experiments compute again.

Only what `compute` can reach counts, without comments and docstrings: the colours of a
figure can be changed and drawn again from the store. The library counts as a whole,
except for what judges, draws and reports.
"""

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path

import toymodels

_LIBRARY = Path(toymodels.__file__).parent
_FACES = (
    "plotting", "explorer", "lessons", "cli", "report", "ledger", "claims", "disk",
    "store", "compilation", "interrupt",
)  # fmt: skip


def code_hash(path: Path, module: str, roots: Iterable[str]) -> str:
    """SHA-256 of the library and of the part of a module that `roots` reach.

    Args:
        path: the module's file.
        module: its dotted name; imports from the same package are followed.
        roots: names defined at its top level.
    """
    parts = [library_text(), *_followed(path, module, frozenset(roots), set())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@functools.cache
def library_text(rooms: tuple[str, ...] | None = None) -> str:
    """The library without comments, docstrings and faces.

    Args:
        rooms: only these folders and files of it; all but the faces when None.
    """
    texts = []
    for path in sorted(_LIBRARY.rglob("*.py")):
        parts = path.relative_to(_LIBRARY).with_suffix("").parts
        if parts[0] not in _FACES if rooms is None else parts[0] in rooms:
            tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
            texts.append(f"# {'/'.join(parts)}\n{_text(tree)}")
    return "\n".join(texts)


@functools.cache
def training_hash() -> str:
    """SHA-256 of the code that the parameters of a trained model depend on."""
    text = library_text(("features", "models", "training"))
    return hashlib.sha256(text.encode()).hexdigest()


def _followed(
    path: Path, module: str, roots: frozenset[str], seen: set[tuple[str, str]]
) -> list[str]:
    """The reached text of a module and of those that it imports from its package."""
    roots = frozenset(r for r in roots if (module, r) not in seen)
    seen |= {(module, root) for root in roots}
    if not roots:
        return []
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    kept, used = _reached(tree, roots)
    texts = [f"# {module}\n" + "\n".join(_text(node) for node in kept)]
    package, *_ = module.split(".")
    top = path.parents[len(module.split(".")) - 1]
    for node in tree.body:
        for source, name in _imports(node, used):
            if source.split(".")[0] != package:
                texts.append(f"# {source} {name}")
                continue
            # `from package.folder import module` names a file, not something in it.
            whole = top.joinpath(*source.split("."), f"{name}.py")
            inside = top.joinpath(*source.split(".")).with_suffix(".py")
            if whole.is_file():
                names = _top_level(ast.parse(whole.read_text(encoding="utf-8")))
                texts += _followed(whole, f"{source}.{name}", frozenset(names), seen)
            elif inside.is_file():
                texts += _followed(inside, source, frozenset({name}), seen)
    return texts


def _reached(
    tree: ast.Module, roots: frozenset[str]
) -> tuple[list[ast.stmt], set[str]]:
    """The definitions that `roots` need, in their order, and all names they use."""
    defined = _top_level(tree)
    used, todo = set(roots), list(roots)
    while todo:
        for node in defined.get(todo.pop(), ()):
            names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            todo += names - used
            used |= names
    return [n for n in tree.body if any(n in defined.get(u, ()) for u in used)], used


def _top_level(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    """The statements that define each top-level name."""
    defined: dict[str, list[ast.stmt]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = {node.name}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = set()
        else:
            stores = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            names = {n.id for n in stores if isinstance(n.ctx, ast.Store)}
        for name in names:
            defined.setdefault(name, []).append(node)
    return defined


def _imports(node: ast.stmt, used: set[str]) -> list[tuple[str, str]]:
    """(module, name) of what a statement imports and the code uses."""
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [
            (node.module, alias.name)
            for alias in node.names
            if (alias.asname or alias.name) in used
        ]
    return []


def _text(node: ast.AST) -> str:
    """Source without comments and docstrings."""
    for inner in ast.walk(node):
        body = getattr(inner, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            body[:] = body[1:] or [ast.Pass()]
    return ast.unparse(node)


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
