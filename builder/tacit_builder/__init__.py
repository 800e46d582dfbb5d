"""The builder subprocess: compiles an author's source confined, checks the module, and runs its tests."""
