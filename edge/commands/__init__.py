"""The commands, a module for each kind of work; heavy imports happen inside a command, so that help is quick."""
