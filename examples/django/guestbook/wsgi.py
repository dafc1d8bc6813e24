"""The WSGI application, with its database made and filled.

This runs once, when the component is built: every instance begins with the database as it is at the end of this file,
and what a request writes is gone with the instance that answered it.
"""

import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "guestbook.settings")

application = get_wsgi_application()

call_command("migrate", verbosity=0, interactive=False)
call_command("loaddata", "entries", verbosity=0)
