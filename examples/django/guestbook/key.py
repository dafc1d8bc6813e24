"""The key that cookies are signed with."""

import os

from django.conf import settings


class FromEnvironment:
    """Takes it from the manifest's [env], which is there from an instance's first request on."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if "SECRET_KEY" in os.environ:
            settings.SECRET_KEY = os.environ["SECRET_KEY"]
        return self.get_response(request)
