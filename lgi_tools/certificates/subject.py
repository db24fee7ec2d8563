"""The subject of a certificate: its type, common name and host names."""

from typing import TYPE_CHECKING

from lgi_protocol import common_name
from lgi_protocol.common_name import CommonName
from lgi_protocol.value_object import value_object
from lgi_tools.certificates import profiles
from lgi_tools.certificates.profiles import Kind

if TYPE_CHECKING:
    # Slow to load: functions that need them import them.
    from cryptography import x509


@value_object
class Subject:
    """Whom a certificate is for; ``alternatives`` are further host names or IP addresses of a server."""

    kind: Kind
    name: str
    groups: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()

    @property
    def common_name(self) -> CommonName:
        """The common name. Raises ValueError for a name, group or project that cannot be part of it."""
        return common_name.compose(self.name, self.groups or None, self.projects or None)

    @property
    def hosts(self) -> "tuple[x509.GeneralName, ...]":
        """The host names of a server, empty for others. Raises ValueError for an invalid one."""
        if self.kind is not Kind.SERVER:
            return ()
        return tuple(profiles.host_name(each) for each in dict.fromkeys((self.name, *self.alternatives)))

    @property
    def x509_name(self) -> "x509.Name":
        """The subject as X.509 has it."""
        return profiles.subject(str(self.common_name), self.kind)
