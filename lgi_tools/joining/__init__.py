"""The enrolment of a new resource: a token of the CA, and a certificate request of the resource."""
