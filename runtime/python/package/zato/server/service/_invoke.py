"""One service invokes another: as a function call when both are in this process, through the node otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

from busker._host.entry import registry, run_nested
from busker._host.protocol import Meta
from busker._host.task import DATA_FORMATS
from busker._host.values import deep_plain, to_json, to_json_bytes
from zato.common import NotFound
from zato.server.service._bag import bagged, bags_from_json
from zato.server.service._request import text_or_bytes

if TYPE_CHECKING:
    from zato.server.service._base import Service


def invoke(
    service: "Service",
    name: str,
    payload: Any = "",
    channel: str = "invoke",
    data_format: Optional[str] = None,
    transport: Optional[str] = None,
    serialize: bool = False,
    as_bunch: bool = False,
    timeout: Optional[float] = None,
    raise_timeout: bool = True,
    **kwargs: Any,
) -> Any:
    """The answer of another service, inside its response element when it declares output.

    Structures have dot notation whether ``as_bunch`` asks for it or not: a bag is a dict too.
    """
    if name == service.name:
        raise RuntimeError(f"A service cannot invoke itself, name:[{name}]")
    entry = registry.local(name)
    task = service._task
    if entry is not None:
        options: Dict[str, Any] = {"channel": channel, "data_format": data_format, "transport": transport}
        chosen = entry
        value = run_nested(task, chosen, lambda: chosen.run_local(task, payload, options))
        elem = entry.response_elem
    else:
        value, elem = _invoke_elsewhere(service, name, payload, data_format, timeout)
    if elem is not None and not isinstance(value, (str, bytes)):
        value = {elem: value}
    if serialize and not isinstance(value, (str, bytes)):
        return to_json(value)
    return bagged(value)


def _invoke_elsewhere(
    service: "Service", name: str, payload: Any, data_format: Optional[str], timeout: Optional[float]
) -> Tuple[Any, Optional[str]]:
    body, is_json = payload_bytes(payload)
    meta: Meta = {"op": "invoke", "service": name, "json": is_json or data_format == "json"}
    if data_format in DATA_FORMATS:  # Zato has more words, such as "dict", which say nothing about bytes
        meta["data_format"] = data_format
    if timeout is not None:
        meta["timeout_ms"] = int(timeout * 1000)
    answer, data = service._task.call(meta, body)
    elem = answer.get("response_elem")
    kind = answer.get("kind") or "json"
    if kind == "empty" or not data:
        return "", None
    value = bags_from_json(data) if kind == "json" else text_or_bytes(data)
    return value, elem if kind == "json" else None


def invoke_async(
    service: "Service",
    name: str,
    payload: Any = "",
    channel: str = "invoke-async",
    data_format: Optional[str] = None,
    transport: Optional[str] = None,
    expiration: int = 15,
    to_json_string: bool = False,
    **kwargs: Any,
) -> str:
    """The cid of an invocation that the node will make."""
    body, is_json = payload_bytes(payload)
    meta: Meta = {"op": "invoke_async", "service": name, "json": is_json}
    if kwargs.get("delay_ms"):
        meta["delay_ms"] = int(kwargs["delay_ms"])
    answer, _ = service._task.call(meta, body)
    return str(answer.get("cid") or "")


def payload_bytes(payload: Any) -> Tuple[bytes, bool]:
    """A payload on its way through the node, and whether it is JSON."""
    if payload is None or payload == "":
        return b"", True  # nothing: the node takes it for no payload at all rather than for raw bytes
    if isinstance(payload, str):
        text = payload.lstrip()
        # Zato's own habit: payloads that services pass on are often JSON text already.
        return payload.encode("utf-8"), text[:1] in ("{", "[")
    if isinstance(payload, (bytes, bytearray)):
        return bytes(payload), bytes(payload).lstrip()[:1] in (b"{", b"[")
    return to_json_bytes(deep_plain(payload)), True


def name_of_impl(impl_name: str) -> str:
    """The name of the service with that implementation. Raises NotFound."""
    entry = registry.by_impl_name.get(impl_name)
    if entry is None:
        raise NotFound(None, f"No service has the implementation [{impl_name}] in this worker")
    return entry.name


def name_of_id(service_id: Any) -> str:
    """The name of the service with that number in this worker. Raises NotFound."""
    if isinstance(service_id, str) and not service_id.isdigit():
        return service_id
    number = int(service_id)
    if not 0 <= number < len(registry.services):
        raise NotFound(None, f"No service has the id [{service_id}] in this worker")
    return registry.services[number].name
