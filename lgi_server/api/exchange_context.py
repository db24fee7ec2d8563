"""The context of an exchange: a call of a resource, whose field is read before the transaction."""

from dataclasses import dataclass, replace
from typing import Any

from lgi_server.api import exchange_files, exchange_form
from lgi_server.api.context import CallRequest, ResourceContext
from lgi_server.api.exchange_form import PostedExchange
from lgi_server.api.form import Form
from lgi_server.runtime import Runtime


@dataclass(frozen=True, kw_only=True)
class ExchangeContext(ResourceContext):
    """A call of a registered resource with an exchange."""

    @staticmethod
    def check(form: Form, who: Any, runtime: Runtime) -> tuple[str, PostedExchange]:
        """Return the posted capabilities and the exchange.

        Raises LGIError as `ResourceContext.check` and `exchange_form.read`.
        """
        return ResourceContext.check(form, who, runtime), exchange_form.read(form)

    @classmethod
    def prepare(cls, request: CallRequest) -> CallRequest:
        """Store the files of reports; LGIError as `enter`."""
        capabilities, posted = request.checked
        reports = exchange_files.store(request, posted.reports)
        return replace(request, checked=(capabilities, replace(posted, reports=reports)))

    @property
    def capabilities(self) -> str:
        """The posted capabilities, empty if there are none."""
        return str(self.checked[0])

    @property
    def exchange(self) -> PostedExchange:
        """The posted exchange."""
        posted: PostedExchange = self.checked[1]
        return posted
