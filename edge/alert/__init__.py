"""Labels of persons become episodes, and episodes become alerts."""
