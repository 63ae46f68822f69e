"""Images, audio and files as ``uri``, ``blob`` or ``file`` parts: kept by reference as sent."""

from __future__ import annotations

from typing import Any

Part = dict[str, Any]

_MODALITIES = ("image", "audio", "video")


def media_part(part: Part) -> Part:
    """A media part of any library's shape; one that is OpenTelemetry's already passes through."""
    if part.get("type") == "file" and "file_id" in part:
        return dict(part)
    flat = _flat(part)
    mime_type = flat.get("mime_type")
    modality = flat.get("modality") or _modality(str(part.get("type", "")), mime_type)
    described = {"modality": modality} | ({"mime_type": mime_type} if mime_type else {})
    if isinstance(flat.get("file_id"), str):
        return {"type": "file", **described, "file_id": flat["file_id"]}
    reference = flat.get("uri")
    if isinstance(reference, str) and reference.startswith("data:"):
        head, _, data = reference.partition(",")
        mime_type = head.removeprefix("data:").split(";")[0] or mime_type
        modality = _modality(str(part.get("type", "")), mime_type)
        return {"type": "blob", "modality": modality, "mime_type": mime_type, "content": data}
    if isinstance(reference, str):
        return {"type": "uri", **described, "uri": reference}
    if flat.get("data") is not None:
        return {"type": "blob", **described, "content": flat["data"]}
    return dict(part)


def _modality(kind: str, mime_type: Any) -> str:
    """image, audio, video, else document."""
    for name in _MODALITIES:
        if name in kind or str(mime_type or "").startswith(name + "/"):
            return name
    return "document"


def _flat(part: Part) -> dict[str, Any]:
    """The reference, data, type and id of a media part, wherever the library put them."""
    flat: dict[str, Any] = {}
    _collect(part, flat, 0)
    return flat


_MEANINGS = {
    "url": "uri",
    "uri": "uri",
    "fileUri": "uri",
    "file_uri": "uri",
    "s3Location": "uri",
    "data": "data",
    "content": "data",
    "bytes": "data",
    "base64": "data",
    "file_data": "data",
    "mime_type": "mime_type",
    "mimeType": "mime_type",
    "mediaType": "mime_type",
    "media_type": "mime_type",
    "file_id": "file_id",
    "modality": "modality",
}

_WRAPPERS = [
    "image_url",
    "image",
    "input_audio",
    "audio",
    "file",
    "source",
    "inline_data",
    "inlineData",
    "file_data",
    "fileData",
    "video",
    "document",
    "image_source",
]


def _collect(value: Any, flat: dict[str, Any], depth: int) -> None:
    """Walk the known wrappers and gather what means something."""
    if depth > 3 or not isinstance(value, dict):
        return
    for key, entry in value.items():
        if key in _WRAPPERS and isinstance(entry, dict):
            _collect(entry, flat, depth + 1)
        elif key in _WRAPPERS and isinstance(entry, str):
            is_reference = "://" in entry[:16] or entry.startswith("data:")
            flat.setdefault("uri" if is_reference else "data", entry)
        elif key in _MEANINGS and isinstance(entry, str):
            meaning = _MEANINGS[key]
            if meaning == "data" and ("://" in entry[:16] or entry.startswith("data:")):
                meaning = "uri"
            flat.setdefault(meaning, entry)
        elif key == "format" and isinstance(entry, str) and depth > 0:
            flat.setdefault("format", entry)
