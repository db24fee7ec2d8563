"""The request pipeline of all calls: dispatch, registry, context, fields, responses, uploads."""
