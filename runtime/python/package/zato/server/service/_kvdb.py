"""self.kvdb: the node's key/value store, with the names of the redis library, and the data dictionaries."""

from __future__ import annotations

from typing import Any, Callable, List

from busker._host.task import Task

#: Methods of the redis library whose names are not the commands'.
_COMMANDS = {"delete": "DEL"}
_PAIRS = frozenset(("hgetall", "config_get"))


class Connection:
    """self.kvdb.conn: ``conn.set("key", "value", ex=5)`` is the command ``SET key value EX 5``."""

    __slots__ = ("_task",)

    def __init__(self, task: Task) -> None:
        self._task = task

    def execute_command(self, *command: Any) -> Any:
        """Any command."""
        words = [_word(word) for word in command]
        meta, _ = self._task.call({"op": "kv", "command": words})
        return meta.get("value")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        command = _COMMANDS.get(name, name.rstrip("_").replace("_", " ").upper()).split(" ")

        def run(*args: Any, **kwargs: Any) -> Any:
            words: List[Any] = [*command]
            for arg in args:
                words.extend(arg if isinstance(arg, (list, tuple)) else _flat(arg) if isinstance(arg, dict) else [arg])
            for option, value in kwargs.items():
                if value is True:
                    words.append(option.upper())
                elif option == "mapping":
                    words.extend(_flat(value))
                elif value is not None and value is not False:
                    words.extend([option.upper(), value])
            found = self.execute_command(*words)
            if name in _PAIRS and isinstance(found, list):
                return dict(zip(found[::2], found[1::2]))
            return found

        return run


def _flat(mapping: Any) -> List[Any]:
    return [word for pair in mapping.items() for word in pair]


def _word(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


class KVDB:
    """self.kvdb."""

    __slots__ = ("conn", "_task")

    def __init__(self, task: Task) -> None:
        self._task = task
        self.conn = Connection(task)

    def translate(
        self, system1: str, key1: str, value1: str, system2: str, key2: str, default: str = ""
    ) -> Any:
        """What ``value1`` is called in another system; ``default`` when nobody said."""
        found = self._task.translate((system1, key1, _word(value1)), (system2, key2))
        return default if found is None else found
