"""Which versions of a model serve whom: hot reload, canaries by camera, shadows, promotion and return.

`settings` and `record` say what is wanted, `plan` what that means for the versions there are, `follower` makes the
data plane so; `control` is what API and command line do.
"""
