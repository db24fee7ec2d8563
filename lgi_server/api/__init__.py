"""The request pipeline of all calls, and what pages and repositories share with it."""
