"""maskwatch: watches a place by camera, tells the people nearby and publishes an alert when somebody wears no mask."""

__version__ = "0.1.0"
