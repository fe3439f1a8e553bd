"""From the files of a DEPLOY frame to services: imports them from memory and asks each face what it finds in them.

Package files never touch the disk. An importer on ``sys.meta_path`` serves them, so they import each other in any
order, and ``linecache`` knows their lines, so tracebacks show them.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import linecache
import logging
import os
import sys
from types import CodeType, ModuleType
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set

from busker import errors
from busker._host.entry import Entry, registry
from busker._host.errors import ErrorObject, describe
from busker._host.protocol import Meta

#: Modules with ``collect(module, logger) -> entries``: the ways to write a service.
FACES = ("zato.server.service._collect", "busker._collect")
#: Names that a deployed file may not take: it would hide what everything else imports.
RESERVED = {"busker", "zato"}

logger = logging.getLogger("busker.deploy")


class PackageFile(NamedTuple):
    """One file of a package."""

    path: str
    package: int
    source: bytes


class DeployError(Exception):
    """Why a generation cannot be served; ``found`` is the meta of DEPLOYFAIL."""

    def __init__(self, file: str, error: BaseException, message: Optional[str] = None, class_: str = "") -> None:
        super().__init__(message or str(error))
        self.found: ErrorObject = describe(error)
        self.found["file"] = file
        if message is not None:
            self.found["message"] = message
        if class_:
            self.found["class"] = class_


class MemoryImporter(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads the modules of deployed packages."""

    def __init__(self, files: Sequence[PackageFile]) -> None:
        self.files: Dict[str, PackageFile] = {}
        self._packages: Set[str] = set()
        for file in files:
            if not file.path.endswith(".py"):
                continue
            name = module_name(file.path)
            other = self.files.get(name)
            if other is not None:
                raise DeployError(file.path, errors.Conflict(
                    f"packages {other.package} and {file.package} both hold module {name} "
                    f"({other.path}, {file.path}): rename one of the files"
                ))  # fmt: skip
            self.files[name] = file
            parent = name
            while "." in parent:
                parent = parent.rpartition(".")[0]
                self._packages.add(parent)
            if file.path.endswith("__init__.py"):
                self._packages.add(name)

    def find_spec(
        self, fullname: str, path: Optional[Sequence[Any]], target: Optional[ModuleType] = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        """The spec of a deployed module or of a directory of them."""
        file = self.files.get(fullname)
        if file is None and fullname not in self._packages:
            return None
        origin = file.path if file is not None else None
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=origin, is_package=fullname in self._packages)
        spec.has_location = file is not None
        return spec

    def is_package(self, fullname: str) -> bool:
        """Whether it holds other modules."""
        return fullname in self._packages

    def get_source(self, fullname: str) -> Optional[str]:
        """The text of a module, for ``inspect`` and tracebacks."""
        file = self.files.get(fullname)
        return importlib.util.decode_source(file.source) if file is not None else None

    def get_code(self, fullname: str) -> Optional[CodeType]:
        """The code of a module; its lines become known to ``linecache``."""
        file = self.files.get(fullname)
        if file is None:
            return compile("", fullname.replace(".", "/"), "exec")  # a directory without __init__.py
        try:
            text = importlib.util.decode_source(file.source)
            lines = [line + "\n" for line in text.split("\n")]
            linecache.cache[file.path] = (len(text), None, lines, file.path)  # no time: never checked on disk
        except (SyntaxError, UnicodeDecodeError):
            pass  # compile says what is wrong with it
        return compile(file.source, file.path, "exec", dont_inherit=True)


def module_name(path: str) -> str:
    """``crm/api.py`` -> ``crm.api``, ``crm/__init__.py`` -> ``crm``."""
    name = path[: -len(".py")].replace("/", ".").strip(".")
    return name[: -len(".__init__")] if name.endswith(".__init__") else name


def read_files(meta: Meta, body: bytes) -> List[PackageFile]:
    """The files of a DEPLOY or VERIFY frame."""
    files, at = [], 0
    for item in meta.get("files") or []:
        end = at + int(item["size"])
        files.append(PackageFile(str(item["path"]), int(item.get("package") or 0), body[at:end]))
        at = end
    return files


def deploy(files: Sequence[PackageFile]) -> None:
    """Imports all files and fills the registry. Raises DeployError; then nothing is kept."""
    _forget()
    try:
        importer = MemoryImporter(files)
        for name, file in importer.files.items():
            _check_name(name, file)
        # Before the path finders, or a deployed file named like an installed library would never be found.
        sys.meta_path.insert(0, importer)
        for name, file in list(importer.files.items()):
            module = _import(name, file)
            _add(_collect(module, file), file)
    except DeployError:
        _forget()
        raise


def _forget() -> None:
    """Takes everything back that an earlier attempt left."""
    registry.services.clear()
    registry.by_name.clear()
    registry.by_impl_name.clear()
    for importer in [item for item in sys.meta_path if isinstance(item, MemoryImporter)]:
        sys.meta_path.remove(importer)
        for name in {*importer.files, *importer._packages}:
            module = sys.modules.get(name)
            if module is not None and getattr(module, "__loader__", None) is importer:
                del sys.modules[name]
        for file in importer.files.values():
            linecache.cache.pop(file.path, None)
    importlib.invalidate_caches()


def _check_name(name: str, file: PackageFile) -> None:
    top = name.partition(".")[0]
    if top in RESERVED or _is_standard(top):
        whose = "Busker's own" if top in RESERVED else "Python's own"
        message = f"{file.path} would hide {whose} module {top!r}: rename it"
        raise DeployError(file.path, errors.Invalid(message))
    if not all(part.isidentifier() for part in name.split(".")):
        message = f"{file.path} cannot be imported: its name may hold letters, digits and underscores only"
        raise DeployError(file.path, errors.Invalid(message))


def _is_standard(name: str) -> bool:
    names: Optional[Iterable[str]] = getattr(sys, "stdlib_module_names", None)
    if names is None:  # before Python 3.10
        found = importlib.machinery.PathFinder.find_spec(name, [os.path.dirname(os.__file__)])
        return found is not None or name in sys.builtin_module_names
    return name in names


def _import(name: str, file: PackageFile) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or str(error)
        message = (
            f"{_where(error, file)} needs the module {missing!r}, which {sys.executable} does not have: install it "
            f"there, or set [python] interpreter in busker.toml to a virtual environment that has it"
        )
        raise DeployError(_where(error, file), error, message, "invalid") from None
    except SyntaxError as error:
        path = error.filename or file.path
        raise DeployError(path, error, f"{path}, line {error.lineno}: {error.msg}", "invalid") from None
    except SystemExit as error:
        message = f"{file.path} called sys.exit({error.code!r}) while it was imported"
        raise DeployError(file.path, error, message, "invalid") from None
    except BaseException as error:
        raise DeployError(_where(error, file), error, None, "invalid") from None


def _where(error: BaseException, file: PackageFile) -> str:
    """The deployed file that was running when the error happened: the innermost one."""
    paths = {item.path for finder in sys.meta_path if isinstance(finder, MemoryImporter) for item in finder.files.values()}
    found, traceback = file.path, error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        found = name if name in paths else found
        traceback = traceback.tb_next
    return found


def _collect(module: ModuleType, file: PackageFile) -> List[Entry]:
    found: List[Entry] = []
    try:
        for face in FACES:
            found.extend(importlib.import_module(face).collect(module, logger))
    except BaseException as error:
        raise DeployError(file.path, error, f"{file.path}: {error}", "invalid") from None
    return found


def _add(entries: Sequence[Entry], file: PackageFile) -> None:
    for entry in entries:
        entry.file, entry.package = file.path, file.package
        try:
            registry.add(entry)
        except errors.Conflict as error:
            raise DeployError(file.path, error) from None
