"""The phone page's files: what a customer chooses to send, and showing it again without ever running it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, jsonify, request

from simulator.media import FILE_MAX, MB, MediaStore, bare_type
from simulator.media_api import served

# What a browser shows without running anything in it. Not SVG, for a picture of that kind is a document with scripts.
SHOWN = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
SHOWN_KINDS = ("audio/", "video/")
NOT_SHOWN = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Uploads:
    media: MediaStore

    def blueprint(self) -> Blueprint:
        routes = Blueprint("uploads", __name__)
        routes.add_url_rule("/phone/media", "upload", self._upload, methods=["POST"])
        routes.add_url_rule("/phone/media/<sid>", "show", self._show)
        return routes

    def _upload(self) -> tuple[Response, int]:
        file = request.files.get("file")
        if file is None:
            return jsonify(error='Send one file, in the field "file" of a form.'), 400
        data = file.stream.read(FILE_MAX + 1)
        if not data:
            return jsonify(error="The file is empty."), 400
        if len(data) > FILE_MAX:
            rest = len(data) + len(file.stream.read())
            return jsonify(error=f"A file has at most 16 MB; this one has {rest / MB:.1f} MB."), 413
        medium = self.media.add(data, file.mimetype or "", file.filename or "")
        told = {"content_type": medium.content_type, "name": medium.name, "size": medium.size}
        return jsonify(url=f"/phone/media/{medium.sid}", **told), 201

    def _show(self, sid: str) -> Response | tuple[Response, int]:
        medium = self.media.find(sid)
        kind = bare_type(medium.content_type) if medium else ""
        is_shown = kind in SHOWN or kind.startswith(SHOWN_KINDS)
        attached = not is_shown or bool(request.args.get("download"))
        answer = served(self.media, sid, attached, kind if is_shown else NOT_SHOWN)
        return answer or (jsonify(error="This file is no longer here."), 404)
