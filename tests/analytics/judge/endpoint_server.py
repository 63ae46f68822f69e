"""A small endpoint that speaks the chat completions API, so that the judge is tested over HTTP."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def verdict(label="matched", confidence=0.9, severity=0.7, reason="Because.", quote="words"):
    return json.dumps(
        {
            "verdict": label,
            "confidence": confidence,
            "severity": severity,
            "reason": reason,
            "quote": quote,
        }
    )


class JudgeServer:
    """Answers each request with the next of its scripted answers; the last one stays.

    An answer is a text (the message's content), ``(status, headers)``, ``"raw:..."`` (a body as it
    is), ``"length"`` (a cut answer), or a callable that gets the request and returns a text.
    """

    def __init__(self, *answers):
        self.answers = list(answers) or [verdict()]
        self.requests = []
        self.headers = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                outer.requests.append(json.loads(body))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                status, headers, content = outer._response(answer, outer.requests[-1])
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/v1"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def _response(self, answer, request):
        if isinstance(answer, tuple):
            status, headers = answer
            return status, headers, json.dumps({"error": {"message": "scripted"}}).encode()
        if callable(answer):
            answer = answer(request)
        if answer.startswith("raw:"):
            return 200, {}, answer[4:].encode()
        finish = "length" if answer == "length" else "stop"
        message = {"role": "assistant", "content": answer}
        completion = {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": request["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050},
        }
        return 200, {}, json.dumps(completion).encode()
