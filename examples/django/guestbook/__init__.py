"""A guest book in Django: settings, templates, the ORM, the admin's login page."""
