"""How a new resource gets its certificate: a token of the authority, a request of the resource."""
