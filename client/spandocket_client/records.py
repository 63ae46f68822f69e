"""Calls about fields, answers, known issues and datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spandocket_client.rows import (
    Annotation,
    AnnotationPage,
    Dataset,
    DatasetEntry,
    Field,
    Issue,
    View,
)
from spandocket_client.transport import Transport, given, part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class RecordCalls(Transport):
    """The part of the client that knows what people said, and what is kept of it."""

    def list_fields(self) -> list[Field]:
        """The annotation fields that the project sees."""
        return self.get_list(Field, "fields", "/fields")

    def create_field(
        self,
        name: str,
        type: str,  # noqa: A002
        *,
        options: Sequence[str] = (),
        **definition: Any,
    ) -> Field:
        """Create a field: boolean, integer, number, string or categorical.

        ``definition`` are the further keys of the call, such as required, min, max, description.
        The same definition again changes nothing; another raises FieldImmutableError.
        """
        body = {"name": name, "type": type, "options": list(options), **definition}
        return self.send(Field, "/fields", body)

    def annotations(
        self,
        *,
        field: str | None = None,
        queue: str | None = None,
        reviewer: str | None = None,
        item: int | None = None,
        object_id: str | None = None,
        history: bool = False,
    ) -> Iterator[Annotation]:
        """Answers that stand, oldest first; with ``history`` every one ever."""
        wanted = {"field": field, "queue": queue, "reviewer": reviewer, "item": item}
        more = {"object_id": object_id, "history": history, "limit": 500}
        for page in self.pages(AnnotationPage, "/annotations", **wanted, **more):
            yield from page.annotations

    def list_issues(self, *, state: str | None = None) -> list[Issue]:
        """Known problems; ``state`` is open, resolved or ignored."""
        return self.get_list(Issue, "issues", "/issues", state=state)

    def create_issue(self, title: str, *, description: str = "", link: str | None = None) -> Issue:
        """Record a known problem. Raises AlreadyExistsError."""
        body = {"title": title, "description": description}
        return self.send(Issue, "/issues", body | given(link=link))

    def list_views(self) -> list[View]:
        """The project's saved views."""
        return self.get_list(View, "views", "/views")

    def save_view(self, name: str, *, queue: str | None = None, **filters: str) -> View:
        """Save a filter: of traces by ``where`` and ``answered``, or of a queue's items.

        The same name again replaces it.
        """
        return self.send(View, "/views", {"name": name, "queue": queue, "filters": filters})

    def delete_view(self, name: str) -> View:
        """Delete a saved view; nothing else goes with it."""
        return self.send(View, f"/views/{part(name)}", {}, "DELETE")

    def list_datasets(self) -> list[Dataset]:
        """The project's datasets."""
        return self.get_list(Dataset, "datasets", "/datasets")

    def dataset(self, name: str) -> Dataset:
        """One dataset."""
        return self.get(Dataset, f"/datasets/{part(name)}")

    def create_dataset(self, name: str, *, description: str = "") -> Dataset:
        """Create an empty dataset. Raises AlreadyExistsError."""
        return self.send(Dataset, "/datasets", {"name": name, "description": description})

    def add_to_dataset(
        self,
        name: str,
        *,
        items: Sequence[int] = (),
        objects: Sequence[str | Mapping[str, str]] = (),
        queue: str | None = None,
        note: str = "",
    ) -> Dataset:
        """Add items, objects, or a queue's completed items, with input, output and answers.

        An object is an id, or ``object_id`` with ``object_type`` (trace, span, session).
        All of them make one new version; entries that are there unchanged make none.
        """
        body = {"items": list(items), "objects": list(objects), "note": note, **given(queue=queue)}
        return self.send(Dataset, f"/datasets/{part(name)}/entries", body)

    def export_dataset(self, name: str, *, version: int | None = None) -> Iterator[DatasetEntry]:
        """The entries of a version, the newest by default, as they arrive."""
        return self.lines(DatasetEntry, f"/datasets/{part(name)}/export", version=version)
