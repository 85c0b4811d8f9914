"""The kinds of messages: their keys per API, and a valid sample of each."""

from __future__ import annotations

import json
import uuid
from typing import Any

import images
from base64 import b64encode

Message = dict[str, Any]

CHANNELS, ROOMS = "channels", "rooms"

# Keys after type (and id, timestamp), in order.
KEYS: dict[str, list[str]] = {
    "text": ["author", "avatar", "text"],
    "image": ["author", "avatar", "image_data"],
    "geojson": ["author", "avatar", "layer_name", "crs_wkt", "crs_authid", "geojson", "style"],
    "crs": ["author", "avatar", "crs_wkt", "crs_authid"],
    "bbox": ["author", "avatar", "crs_wkt", "crs_authid", "xmin", "xmax", "ymin", "ymax"],
    "position": ["author", "avatar", "crs_wkt", "crs_authid", "x", "y"],
    "model": ["author", "avatar", "model_name", "model_group", "raw_xml"],
    "script": ["author", "avatar", "name", "raw_pycode"],
    "like": ["liker_author", "liked_author", "message"],
    "newcomer": ["newcomer"],
    "exiter": ["exiter"],
    "nb_users": ["nb_users"],
    "uncompliant": ["reason"],
}
NULLABLE = {"avatar", "style", "model_group"}
NUMBERS = {"xmin", "xmax", "ymin", "ymax", "x", "y"}
NICKNAMES = {"author", "liker_author", "liked_author", "newcomer"}
ANSWERABLE = ("text", "image", "geojson", "crs", "bbox", "position", "model", "script")
BROADCAST = ANSWERABLE
CLIENT_KINDS = (*ANSWERABLE, "like", "newcomer")
CHEATCODES = (
    "givemesomecheese",
    "lookattheflickofqgis",
    "iamarobot",
    "its10oclock",
    "qgisprolicense",
    "wizz",
    "spaceandtime",
)
WKT = 'GEOGCRS["WGS 84",DATUM["World Geodetic System 1984"]]'


def encoded(data: bytes) -> str:
    """An image file as image_data."""
    return b64encode(data).decode("ascii")


_PICTURE = encoded(images.png(images.quadrants(8, 8)))


def sample(kind: str, author: str = "Ada", **changes: Any) -> Message:
    """A valid message of a kind without id and timestamp, all keys present."""
    crs = {"crs_wkt": WKT, "crs_authid": "EPSG:4326"}
    author_keys: Message = {"author": author, "avatar": "mGeoPackage.svg"}
    features = [{"type": "Feature", "geometry": None, "properties": {"name": "Brûlé"}}]
    layer = {"type": "FeatureCollection", "features": features}
    fields: dict[str, Message] = {
        "text": {**author_keys, "text": "Bonjour à tous 🗺"},
        "image": {**author_keys, "image_data": _PICTURE},
        "geojson": {**author_keys, "layer_name": "Layer", **crs, "geojson": layer, "style": "<q/>"},
        "crs": {**author_keys, **crs},
        "bbox": {**author_keys, **crs, "xmin": 1.5, "xmax": 2.5, "ymin": -3.25, "ymax": 4.75},
        "position": {**author_keys, **crs, "x": 2.35, "y": 48.85},
        "model": {**author_keys, "model_name": "M", "model_group": "G", "raw_xml": "<Option/>"},
        "script": {**author_keys, "name": "S", "raw_pycode": "print('hé')\n"},
        "like": {"liker_author": author, "liked_author": "Bob", "message": "good"},
        "newcomer": {"newcomer": author},
        "exiter": {"exiter": author},
        "nb_users": {"nb_users": 3},
        "uncompliant": {"reason": "because"},
    }
    return {"type": kind, **fields[kind], **changes}


def compact(value: Any) -> str:
    """JSON as clients and server write it: no blanks, UTF-8 not escaped."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class _Spelt(str):
    """A number as it was spelt."""


def _spelt_compact(value: Any) -> str:
    if isinstance(value, _Spelt):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(_spelt_compact(v) for v in value) + "]"
    if isinstance(value, _Pairs):
        return "{" + ",".join(f"{compact(k)}:{_spelt_compact(v)}" for k, v in value.pairs) + "}"
    return compact(value)


class _Pairs:
    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def no_constant(name: str) -> None:
    """For json.loads: NaN and infinities are no JSON."""
    raise ValueError(f"{name} is no JSON")


def is_compact(text: str) -> bool:
    """Whether JSON has neither a blank nor an escape that it does not need."""
    value = json.loads(
        text,
        parse_float=_Spelt,
        parse_int=_Spelt,
        parse_constant=no_constant,
        object_pairs_hook=_Pairs,
    )
    return _spelt_compact(value) == text


def parse_message(text: str) -> Message:
    """A frame as a message. ValueError for what JSON.parse would refuse, and for doubled keys."""

    def unique(pairs: list[tuple[str, Any]]) -> Message:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError(f"doubled keys: {[key for key, _ in pairs]}")
        return dict(pairs)

    return json.loads(text, parse_constant=no_constant, object_pairs_hook=unique)


def shape_fault(message: Message, api: str, may_have_reply: bool) -> str | None:
    """What a client of that API would stumble over; None when all is well."""
    kind = message.get("type")
    if kind not in KEYS:
        return f"unknown type {kind!r}"
    if api == ROOMS and kind == "script":
        return "a script for a rooms client"
    head = ["type"] if api == ROOMS else ["type", "id", "timestamp"]
    keys = list(message)
    if "in_reply_to_id" in keys:
        if api == ROOMS or not may_have_reply or kind not in ANSWERABLE:
            return "in_reply_to_id where it breaks the client"
        if not is_canonical_uuid(message["in_reply_to_id"]):
            return f"in_reply_to_id {message['in_reply_to_id']!r}"
        keys.remove("in_reply_to_id")
    if keys != head + KEYS[kind]:
        return f"keys {keys}, expected {head + KEYS[kind]}"
    if api == CHANNELS and not is_canonical_uuid(message["id"]):
        return f"id {message['id']!r}"
    if api == CHANNELS and type(message["timestamp"]) is not int:
        return f"timestamp {message['timestamp']!r}"
    return _type_fault(message)


def _type_fault(message: Message) -> str | None:
    for key, value in message.items():
        if key in ("type", "id", "timestamp", "in_reply_to_id", "geojson"):
            continue
        expected: type = float if key in NUMBERS else int if key == "nb_users" else str
        if value is None and key in NULLABLE:
            continue
        if type(value) is not expected:
            return f"{key} is {value!r}"
    return None


def is_canonical_uuid(value: Any) -> bool:
    """Hyphenated, lower case."""
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False
